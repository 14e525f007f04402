"""What is copied and pasted on a portal's desktop: a real bus, and a portal of the test's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from dbus_fast import Variant
from packages.stream.tests.portal.house import House
from packages.stream.tests.portal.standin import HANDLE, WAIT_S, Manners, StandIn, granted

from dillinger_stream.clipboard import pipes
from dillinger_stream.clipboard.base import PNG_MAGIC, Clip
from dillinger_stream.program.portal.clipboard import PortalClipboard
from dillinger_stream.program.portal.session import CLIPBOARD, OBJECT, PortalSession

TEXT, PNG = "text/plain;charset=utf-8", "image/png"


class Desk:
    """A session that shares its clipboard."""

    def __init__(self, portal: StandIn) -> None:
        self.portal = portal
        self.copied: asyncio.Queue[Clip] = asyncio.Queue()
        self.clipboard: Any = None

    def program_copies(self, *, form: str = "as", is_ours: bool = False, session: str = HANDLE, **kinds: bytes) -> None:
        self.portal.manners.copied = {name.replace("_", "/"): data for name, data in kinds.items()}
        names: Any = list(self.portal.manners.copied)
        told = {
            "mime_types": Variant(form, [names] if form == "(as)" else names),
            "session_is_owner": Variant("b", is_ours),
        }
        self.portal.signal(OBJECT, CLIPBOARD, "SelectionOwnerChanged", ("oa{sv}", [session, told]))

    def program_pastes(self, name: str, serial: int) -> None:
        self.portal.signal(OBJECT, CLIPBOARD, "SelectionTransfer", ("osu", [HANDLE, name, serial]))

    async def next(self) -> Clip:
        async with asyncio.timeout(WAIT_S):
            return await self.copied.get()

    async def saw(self, *wanted: tuple[str, tuple[Any, ...]]) -> None:
        """These calls came, in this order: name, and the arguments after the session."""
        await asyncio.to_thread(self.portal.saw, *wanted, after=1)


@pytest.fixture
async def desk(house: House, start_portal: Callable[[Manners], StandIn]) -> AsyncIterator[Desk]:
    portal = start_portal(Manners(responses={"RemoteDesktop.Start": granted(42, has_clipboard=True)}))
    session = PortalSession(
        house.address, wants_input=True, wants_several=False, wants_clipboard=True, token_file=house.folder / "token"
    )
    made = Desk(portal)
    try:
        assert (await session.open()).has_clipboard
        made.clipboard = PortalClipboard(session.ask_clipboard, on_copied=made.copied.put_nowait)
        session.on_clipboard = made.clipboard.heard
        yield made
    finally:
        if made.clipboard is not None:
            await made.clipboard.close()
        await session.close()


async def test_what_programs_copy_arrives(desk: Desk) -> None:
    names = [call.name for call in desk.portal.calls]
    assert names.index("Clipboard.RequestClipboard") < names.index("RemoteDesktop.Start")
    desk.program_copies(text_plain="grüße €".encode())
    assert await desk.next() == Clip("text", "grüße €".encode())
    desk.program_copies(form="(as)", image_png=PNG_MAGIC + b"x", text_html=b"<b>")
    assert await desk.next() == Clip("image", PNG_MAGIC + b"x")
    # What is no PNG, what is nobody's, what is ours and what is of another session is not told.
    desk.program_copies(image_png=b"GIF89a")
    desk.program_copies(text_html=b"<b>")
    desk.program_copies(is_ours=True, text_plain=b"ours")
    desk.program_copies(session=f"{OBJECT}/session/1_1/other", text_plain=b"another's")
    desk.program_copies(text_plain=b"last")
    assert await desk.next() == Clip("text", b"last")
    assert desk.copied.empty()


async def test_programs_paste_what_a_viewer_copied(desk: Desk) -> None:
    taken = asyncio.Event()
    desk.clipboard.give(Clip("text", b"hello"), taken.set)
    async with asyncio.timeout(WAIT_S):
        await taken.wait()
    kinds = desk.portal.call("Clipboard.SetSelection").options()["mime_types"]
    assert TEXT in kinds and PNG not in kinds
    desk.program_pastes(TEXT, 7)
    await desk.saw(("Clipboard.SelectionWrite", (7,)), ("Clipboard.SelectionWriteDone", (7, True)))
    assert os.read(desk.portal.pastes[7], 100) == b"hello"
    desk.program_pastes(PNG, 8)
    await desk.saw(("Clipboard.SelectionWriteDone", (8, False)))
    desk.program_copies(text_plain=b"another")  # from now on it is theirs
    assert (await desk.next()).data == b"another"
    desk.program_pastes(TEXT, 9)
    await desk.saw(("Clipboard.SelectionWriteDone", (9, False)))


async def test_a_program_that_takes_nothing_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "DELIVERY_S", 0.2)
    taken = asyncio.Event()
    desk.clipboard.give(Clip("text", b"x" * 200_000), taken.set)
    async with asyncio.timeout(WAIT_S):
        await taken.wait()
    desk.program_pastes(TEXT, 7)  # more than a pipe holds, and nobody reads it
    await desk.saw(("Clipboard.SelectionWriteDone", (7, False)))


async def test_a_portal_that_refuses_costs_nothing_but_the_clip(desk: Desk) -> None:
    desk.portal.manners.replies["Clipboard.SelectionRead"] = ("s", ["no"])
    desk.program_copies(text_plain=b"lost")
    await desk.saw(("Clipboard.SelectionRead", ("text/plain",)))
    del desk.portal.manners.replies["Clipboard.SelectionRead"]
    desk.portal.signal(
        OBJECT, CLIPBOARD, "SelectionOwnerChanged", ("oa{sv}", [HANDLE, {"mime_types": Variant("u", 5)}])
    )
    desk.portal.signal(OBJECT, CLIPBOARD, "SelectionTransfer", ("s", ["no"]))
    desk.program_copies(text_plain=b"kept")
    assert await desk.next() == Clip("text", b"kept")
