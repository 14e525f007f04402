"""`python -m dillinger_stream.program` is `dillinger-stream`."""

from .cli import main

if __name__ == "__main__":
    main()
