"""The seat's log: JSON lines on its standard output, which the runner keeps as `seat.log`."""

from __future__ import annotations

import logging

import structlog


def configure(session_id: str) -> None:
    """Once, before anything is logged; every line says which session it is of."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(session_id=session_id)
    logging.getLogger("websockets").setLevel(logging.ERROR)
    logging.getLogger("aiortc").setLevel(logging.ERROR)
    logging.getLogger("aioice").setLevel(logging.ERROR)
