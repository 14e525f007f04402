"""What a player has of a game on disk: where it is, how much it holds, whether it is in use.

Seats, the runner and the command line meet in these folders without meeting each other, so all of them take the layout
and the locks from here. What lies in the folders was written by a game: no link of it is ever followed.
"""
