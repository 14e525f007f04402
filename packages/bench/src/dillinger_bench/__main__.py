"""Lets `python -m dillinger_bench` run the command line of `cli`."""

from .cli import main

if __name__ == "__main__":
    main()
