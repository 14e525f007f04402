"""A window on a display of this machine that mirrors a desktop and takes its input."""
