"""A Windows program to test and to measure with: what it does is its first argument's (`windows.c`, `drawing.c`)."""
