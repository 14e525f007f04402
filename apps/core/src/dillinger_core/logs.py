"""Structured logs to standard error: JSON lines for machines, coloured text on a terminal. Secrets never reach it.

Events are constant snake_case facts with their values as keys; uvicorn's and SQLAlchemy's own lines pass through the
same renderer. Access lines are not written: they would hold what people play and when.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping

import structlog

_SECRET = frozenset({"password", "token", "ticket", "ticket_key", "key", "cookie", "csrf", "authorization"})


def configure_logs(level: str = "INFO") -> None:
    """Sends every log of this process through structlog."""
    is_terminal = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("uvicorn.error", "uvicorn.access", "httpx2", "httpcore2", "websockets", "alembic", "aiosqlite"):
        logging.getLogger(noisy).setLevel("WARNING")


def _redact(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    for name in _SECRET & event.keys():
        event[name] = "[redacted]"
    return event
