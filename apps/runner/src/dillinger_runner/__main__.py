"""`python -m dillinger_runner`."""

from .cli import main

if __name__ == "__main__":
    main()
