"""Micro-benchmarks: what each small part of a stream costs of a processor, a picture or a packet at a time."""
