"""Measures Dillinger from outside, as a user sees it; also the test card, and a house of one's own for the tests."""
