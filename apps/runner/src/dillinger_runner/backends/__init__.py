"""Where seats run: one module a backend, all with the Protocol of `base`."""
