"""The bench's eye in a product's page, from outside. Blocking; the thread that made it owns it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Browser, Page

from dillinger_bench.measure import Case
from dillinger_bench.testcard import read
from dillinger_bench.waiting import wait_until

from .base import Product, Running

Luma = npt.NDArray[np.uint8]

FIRST_FRAME_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Eye:
    """What a page shows."""

    page: Page
    first_frame_at: float
    """When its first picture was seen, wall-clock seconds."""

    def watch(self, what: str) -> None:
        """Looks for `flips`, for `frames` or for `nothing`, from now on."""
        self.page.evaluate("(what) => dillingerEye.watch(what)", what)

    def seen(self) -> dict[str, Any]:
        """What was seen since, and the page's time (`now`, ms)."""
        found: dict[str, Any] = self.page.evaluate("({...dillingerEye.seen, now: dillingerEye.now()})")
        return found

    def received_bytes(self) -> int:
        """What came over WebRTC so far, as the browser counts it."""
        return int(self.page.evaluate("dillingerEye.receivedBytes()"))

    def picture(self) -> Luma:
        """The shown picture's luma, rows × columns."""
        found = self.page.evaluate("dillingerEye.picture()")
        luma = np.frombuffer(base64.b64decode(found["luma"]), dtype=np.uint8)
        return luma.reshape(found["height"], found["width"])


@contextmanager
def open_eye(browser: Browser, product: Product, running: Running, case: Case) -> Iterator[Eye]:
    """The product's page in a window of the case's size, once its first picture was seen. Raises `Unavailable`."""
    size = {"width": case.width_px, "height": case.height_px}
    context = browser.new_context(viewport=size, **product.context)  # type: ignore[arg-type]
    try:
        context.add_init_script(
            f"{read.page_script()}\n{resources.files(__package__).joinpath('eye.js').read_text('utf-8')}"
        )
        page = context.new_page()
        page.goto(running.url, wait_until="commit")
        first_ms = wait_until(
            lambda: page.evaluate("globalThis.dillingerEye?.seen.firstFrameAt ?? null"),
            FIRST_FRAME_TIMEOUT_S,
            f"{product.name}'s first picture",
        )
        page.evaluate("dillingerEye.watch('nothing')")
        running.settle(page)
        yield Eye(page, first_ms / 1000)
    finally:
        context.close()
