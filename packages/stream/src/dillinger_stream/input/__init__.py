"""Input from peers to the desktop."""
