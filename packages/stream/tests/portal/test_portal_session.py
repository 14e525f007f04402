"""The conversation with a portal: what it is asked; what becomes of answers that are late, wrong or a stranger's."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from packages.stream.tests.portal.house import House
from packages.stream.tests.portal.standin import HANDLE, WAIT_S, Body, Manners, StandIn, granted

from dillinger_contracts.errors import Denied, DillingerError, Unsupported
from dillinger_stream.errors import CaptureError
from dillinger_stream.program.portal import bus as bus_module
from dillinger_stream.program.portal import session as session_module
from dillinger_stream.program.portal.answers import Started
from dillinger_stream.program.portal.session import OBJECT, SESSION, PortalSession
from dillinger_stream.program.portal.token import load_token, save_token, token_file

StartPortal = Callable[[Manners], StandIn]
NODE = 42


def agreed(**changes: Body | None) -> Manners:
    responses: dict[str, Body | None] = {"RemoteDesktop.Start": granted(NODE, size=(1600, 900))}
    responses["ScreenCast.Start"] = responses["RemoteDesktop.Start"]
    return Manners(responses=responses | {name.replace("_", "."): body for name, body in changes.items()})


async def opened(
    house: House, *, wants_input: bool = True, wants_several: bool = False
) -> tuple[PortalSession, Started]:
    session = PortalSession(
        house.address, wants_input=wants_input, wants_several=wants_several, token_file=house.folder / "token"
    )
    try:
        return session, await session.open()
    except BaseException:
        await session.close()
        raise


async def test_what_is_granted_is_told(house: House, start_portal: StartPortal) -> None:
    start_portal(agreed())
    session, found = await opened(house)
    (screen,) = found.screens
    assert (screen.node_id, screen.extent, screen.place, found.devices) == (NODE, (1600, 900), None, 3)
    await session.close()
    await session.close()


async def test_several_screens_are_granted_where_they_are_wanted(house: House, start_portal: StartPortal) -> None:
    beside = [[NODE + 1, {"size": Variant("(ii)", [800, 600]), "position": Variant("(ii)", [-800, 50])}]]
    portal = start_portal(agreed(RemoteDesktop_Start=granted(NODE, size=(1600, 900), place=(0, 0), beside=beside)))
    session, found = await opened(house, wants_several=True)
    assert portal.call("ScreenCast.SelectSources").options()["multiple"] is True
    assert [(screen.node_id, screen.extent, screen.place) for screen in found.screens] == [
        (NODE, (1600, 900), (0, 0)), (NODE + 1, (800, 600), (-800, 50)),
    ]  # fmt: skip
    await session.close()


START = {
    "more screens than anybody has": granted(NODE, beside=[[NODE + at, {}] for at in range(20)]),
    "a place beyond reason": granted(NODE, place=(-2_000_000_000, 0)),
    "no streams": ("ua{sv}", [0, {"devices": Variant("u", 3)}]),
    "none of them": ("ua{sv}", [0, {"streams": Variant("a(ua{sv})", []), "devices": Variant("u", 3)}]),
    "streams of another type": ("ua{sv}", [0, {"streams": Variant("as", ["42"]), "devices": Variant("u", 3)}]),
    "no node": granted(0xFFFFFFFF),
    "a size of nothing": granted(NODE, size=(0, 900)),
    "a negative size": granted(NODE, size=(1600, -900)),
    "a huge size": granted(NODE, size=(2_000_000_000, 900)),
    "a token that fills the disk": granted(NODE, token="x" * 100_000),
    "a token of several lines": granted(NODE, token="a\nb"),
    "devices of another type": ("ua{sv}", [0, granted(NODE)[1][1] | {"devices": Variant("s", "3")}]),
    "another signature": ("s", ["yes"]),
    "an unheard-of code": ("ua{sv}", [77, {}]),
    "a size of another type": (
        "ua{sv}",
        [0, granted(NODE)[1][1] | {"streams": Variant("a(ua{sv})", [[NODE, {"size": Variant("s", "big")}]])}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", START)
async def test_an_answer_that_makes_no_sense_is_an_error(house: House, start_portal: StartPortal, case: str) -> None:
    start_portal(agreed(RemoteDesktop_Start=START[case]))
    with pytest.raises(CaptureError):
        await opened(house)


@pytest.mark.parametrize(
    "body",
    [
        ("ua{sv}", [0, {}]),
        ("ua{sv}", [0, {"session_handle": Variant("u", 5)}]),
        ("ua{sv}", [0, {"session_handle": Variant("s", "not a path")}]),
        ("ua{sv}", [0, {"session_handle": Variant("s", "/" + "a" * 5000)}]),
    ],
)
async def test_a_session_without_a_handle_is_an_error(house: House, start_portal: StartPortal, body: Body) -> None:
    start_portal(agreed(RemoteDesktop_CreateSession=body))
    with pytest.raises(CaptureError):
        await opened(house)


@pytest.mark.parametrize("method", ["ScreenCast.SelectSources", "RemoteDesktop.Start", "Properties.Get"])
async def test_methods_that_answer_something_else_are_errors(
    house: House, start_portal: StartPortal, method: str
) -> None:
    manners = agreed()
    manners.replies[method] = ("as", [["no"]])
    start_portal(manners)
    with pytest.raises(CaptureError, match="was due"):
        await opened(house)


@pytest.mark.parametrize("silent", ["reply", "response"])
async def test_a_portal_that_does_not_answer_is_told_of(
    house: House, start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    manners = agreed()
    (manners.replies if silent == "reply" else manners.responses)["RemoteDesktop.CreateSession"] = None
    start_portal(manners)
    monkeypatch.setattr(bus_module, "_CALL_S", 0.3 if silent == "reply" else 30.0)
    monkeypatch.setattr(session_module, "_STEP_S", 0.3)
    with pytest.raises(CaptureError, match="answered"):
        await opened(house)


@pytest.mark.parametrize(
    ("lacking", "error", "words"),
    [
        ("ScreenCast.version", Unsupported, "shares no screens"),
        ("RemoteDesktop.version", Unsupported, "neither keyboard nor pointer"),
    ],
)
async def test_what_the_portal_lacks_is_told_with_what_to_do(
    house: House, start_portal: StartPortal, lacking: str, error: type[DillingerError], words: str
) -> None:
    manners = agreed()
    del manners.properties[lacking]
    start_portal(manners)
    with pytest.raises(error, match=words) as raised:
        await opened(house)
    assert raised.value.hint
    if lacking.startswith("RemoteDesktop"):
        session, found = await opened(house, wants_input=False)
        assert found.screens[0].node_id == NODE
        await session.close()


async def test_a_screen_without_a_keyboard_is_not_to_be_played(house: House, start_portal: StartPortal) -> None:
    start_portal(agreed(RemoteDesktop_Start=granted(NODE, devices=0)))
    with pytest.raises(Denied, match="neither keyboard nor pointer"):
        await opened(house)


async def test_an_old_portal_is_not_asked_for_what_it_lacks(house: House, start_portal: StartPortal) -> None:
    manners = agreed()
    manners.properties |= {"ScreenCast.version": Variant("u", 1), "RemoteDesktop.version": Variant("u", 1)}
    del manners.properties["ScreenCast.AvailableCursorModes"]
    portal = start_portal(manners)
    session, _ = await opened(house)
    assert "persist_mode" not in portal.call("RemoteDesktop.SelectDevices").options()
    assert "cursor_mode" not in portal.call("ScreenCast.SelectSources").options()
    await session.close()


async def test_nobody_else_speaks_for_the_portal(house: House, start_portal: StartPortal) -> None:
    start_portal(agreed())
    session, _ = await opened(house)
    assert session._bus is not None
    stranger = await MessageBus(bus_address=house.address, negotiate_unix_fd=True).connect()
    reading, writing = os.pipe()
    for _ in range(20):
        stranger.send(
            Message(
                message_type=MessageType.SIGNAL, destination=session._bus.name, path=HANDLE, interface=SESSION,
                member="Closed", signature="a{sv}", body=[{}],
            )
        )  # fmt: skip
        call = Message(
            destination=session._bus.name, path=OBJECT, interface=SESSION, member="Look", signature="h", body=[0],
            unix_fds=[writing],
        )  # fmt: skip
        assert (await stranger.call(call)) is not None
    os.close(writing)
    assert (await asyncio.to_thread(select.select, [reading], [], [], WAIT_S))[0], "what nobody asked for is closed"
    os.close(reading)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await session.ended()
    stranger.disconnect()
    await session.close()


@pytest.mark.parametrize("how", ["closed", "crashed"])
async def test_its_end_is_heard(house: House, start_portal: StartPortal, how: str) -> None:
    portal = start_portal(agreed())
    session, _ = await opened(house)
    if how == "closed":
        portal.end_session()
    else:
        portal.close()
    async with asyncio.timeout(WAIT_S):
        error = await session.ended()
    assert ("ended the sharing" if how == "closed" else "portal is gone") in error.message
    await session.close()


@pytest.mark.parametrize("descriptors", [0, 2])
async def test_the_one_connection_to_pipewire_is_taken(
    house: House, start_portal: StartPortal, descriptors: int
) -> None:
    manners = agreed()
    manners.remote = lambda: [os.memfd_create("not-pipewire") for _ in range(descriptors)]
    start_portal(manners)
    session, _ = await opened(house)
    with pytest.raises(CaptureError):
        await session.open_remote()
    await session.close()


async def test_a_portal_that_takes_no_input_is_noticed(
    house: House, start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "_MOST_UNANSWERED", 50)
    manners = agreed()
    manners.replies["RemoteDesktop.NotifyPointerMotion"] = None
    start_portal(manners)
    session, _ = await opened(house)
    with pytest.raises(CaptureError, match="takes no input"):
        for _ in range(51):
            session.notify("PointerMotion", "dd", 1.0, 0.0)
    await session.close()


def test_tokens_are_kept_where_nobody_else_looks(tmp_path: Path) -> None:
    there: dict[str, Any] = {"XDG_STATE_HOME": str(tmp_path)}
    file = token_file(there, "remote-desktop")
    assert load_token(file) is None
    save_token(file, "abc")
    assert load_token(file) == "abc" and file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    assert load_token(file) is None
    save_token(file, None)
    assert not file.exists()
    blocked = token_file({"XDG_STATE_HOME": "/proc/nonexistent"}, "remote-desktop")
    save_token(blocked, "abc")  # the next start asks again
    assert load_token(blocked) is None
