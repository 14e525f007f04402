"""Pictures to access units."""
