"""The desktops that can be streamed: one file a kind, chosen in `choose.py`."""
