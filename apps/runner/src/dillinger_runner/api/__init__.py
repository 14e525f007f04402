"""The runner's HTTP API and the seats' socket; FastAPI is known here and in `app` only."""
