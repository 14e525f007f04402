"""A viewer without a browser: opens a stream through core as the player does, and counts what comes. Blocking.

It decodes nothing. The fault tests use it where a picture's content doesn't matter, or to say what no browser would.
"""

from __future__ import annotations

import json
import struct
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from dillinger_contracts.errors import Denied, Unavailable
from dillinger_contracts.input import InputEvent, Shown, encode
from dillinger_contracts.media import KIND_PICTURE
from dillinger_contracts.session import StreamProfile
from dillinger_contracts.signaling import SIGNALING_VERSION, SUBPROTOCOL, Hello

from .client import CoreClient

_OPEN_TIMEOUT_S = 30.0
_PATIENCE_S = 30.0
_CLOSE_TIMEOUT_S = 0.5
"""Pictures that nobody takes any more stand before the other side's close."""
_MAX_MESSAGE_BYTES = 1 << 24


class StreamClient:
    """One conversation with a seat; `hello` opens it. Raises `Denied` where core lets nobody through."""

    def __init__(self, core: CoreClient, session_id: str) -> None:
        url = str(core.http.base_url.join(f"sessions/{session_id}/stream")).replace("http", "ws", 1)
        self._stack = ExitStack()
        cookies = "; ".join(f"{name}={value}" for name, value in core.http.cookies.items())
        try:
            self._socket: ClientConnection = self._stack.enter_context(
                connect(
                    url,
                    additional_headers={"Cookie": cookies},
                    subprotocols=[Subprotocol(SUBPROTOCOL)],
                    open_timeout=_OPEN_TIMEOUT_S,
                    close_timeout=_CLOSE_TIMEOUT_S,
                    max_size=_MAX_MESSAGE_BYTES,
                    proxy=None,
                )
            )
        except InvalidStatus as error:
            raise Denied(f"Core refused the stream with {error.response.status_code}") from error
        self.messages: list[dict[str, Any]] = []
        """Every text message so far."""
        self.pictures = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leaves without a word. Idempotent."""
        self._stack.close()

    def hello(self, ticket: str, profile: StreamProfile | None = None) -> None:
        """Says hello; what comes of it is seen by `wait_message` or `wait_close`."""
        wish = Hello(
            version=SIGNALING_VERSION, ticket=ticket, transport="websocket", is_webrtc_able=False,
            profile=profile or StreamProfile(),
        )  # fmt: skip
        self._socket.send(wish.model_dump_json())

    def send(self, message: str | bytes | InputEvent) -> None:
        """Sends a text, bytes as they are, or an input event."""
        self._socket.send(encode(message) if isinstance(message, InputEvent) else message)

    def _take(self, timeout_s: float) -> None:
        message = self._socket.recv(timeout=max(0.0, timeout_s))
        if isinstance(message, str):
            self.messages.append(json.loads(message))
        elif message[0] == KIND_PICTURE:
            self.pictures += 1
            (frame,) = struct.unpack_from("<4xI", message)
            self.send(Shown(frame=frame, decode_us=0, draw_us=0))

    def wait_message(self, kind: str, timeout_s: float = _PATIENCE_S) -> dict[str, Any]:
        """The first text message of this type, also one that came before; raises `Unavailable`."""
        deadline = time.monotonic() + timeout_s
        while True:
            for message in self.messages:
                if message["type"] == kind:
                    return message
            try:
                self._take(deadline - time.monotonic())
            except TimeoutError:
                raise Unavailable(f"No {kind} in {timeout_s:g} s, only {self.messages}") from None
            except ConnectionClosed as error:
                raise Unavailable(f"The stream closed before {kind}: {error}") from error

    def wait_pictures(self, count: int, timeout_s: float = _PATIENCE_S) -> None:
        """Returns after `count` more pictures; raises `Unavailable`."""
        deadline, wanted = time.monotonic() + timeout_s, self.pictures + count
        while self.pictures < wanted:
            try:
                self._take(deadline - time.monotonic())
            except TimeoutError:
                raise Unavailable(f"{self.pictures} pictures, not {wanted}, in {timeout_s:g} s") from None
            except ConnectionClosed as error:
                raise Unavailable(f"The stream closed after {self.pictures} pictures: {error}") from error

    def wait_close(self, timeout_s: float = _PATIENCE_S) -> int:
        """The close code (RFC 6455 section 7.4) once the other side closed; raises `Unavailable`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._take(deadline - time.monotonic())
            except TimeoutError:
                raise Unavailable(f"The stream is still open after {timeout_s:g} s") from None
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006
