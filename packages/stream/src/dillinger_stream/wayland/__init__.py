"""A Wayland client of our own, small enough to trust with a compositor that is not: it lives in the cell."""
