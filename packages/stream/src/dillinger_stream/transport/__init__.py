"""Access units to peers."""
