"""`dillinger-stream`: streams a desktop that already exists to browsers, without core, runner or seat.

A foreground process: `start` claims the display, connects to it, serves the player's page and the stream, answers
`status` and `stop` over a control socket, and ends when it is told to or when the desktop does. `run.py` is the
composition root; what can be streamed are the kinds of `sources/`.
"""
