"""GStreamer, in a process of its own."""
