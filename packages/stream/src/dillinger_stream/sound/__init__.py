"""Sound: PCM from a pipe to Opus packets."""
