"""What runs on a desktop."""
