"""Gamepads: from a viewer's browser to devices that the game finds in its cell."""
