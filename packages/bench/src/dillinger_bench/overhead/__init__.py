"""What it costs a game to be played here: the same OpenGL program beside Dillinger and in one of its cells."""
