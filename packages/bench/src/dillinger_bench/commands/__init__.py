"""The bench's commands, a room for each family; `cli.py` lists them."""
