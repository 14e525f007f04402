"""Display server and sound server of a cell, and what the seat holds of them."""
