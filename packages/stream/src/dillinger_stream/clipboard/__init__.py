"""What is copied and pasted, between a game and its player's browser.

`base` says what a clip is, `exchange` carries one over signaling in parts that are asked for, `x11` is the clipboard of
a display. Who may share, and when, is the peer's and the page's to say.
"""
