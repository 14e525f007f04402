"""What `dillinger-stream` is told: which source wins, what is refused and how; displays, cookies and keys."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packages.stream.tests.program.program_house import Shelf

from dillinger_contracts.errors import Denied, Invalid, Unsupported
from dillinger_contracts.settings import Origin
from dillinger_stream.errors import CaptureError
from dillinger_stream.program.admission import Keys, secret_of
from dillinger_stream.program.server import address_of
from dillinger_stream.program.settings import (
    SECTIONS,
    CaptureSettings,
    ServerSettings,
    Settings,
    config_file,
    config_template,
    load_settings,
)
from dillinger_stream.program.sources.choose import choose, kind_of
from dillinger_stream.program.sources.wayland import socket_path
from dillinger_stream.program.sources.x11 import display_number
from dillinger_stream.program.sources.xauthority import Entry, cookie_for, entries


def loaded(
    text: str, tmp_path: Path, command_line: dict[str, dict[str, object]] | None = None, **environment: str
) -> tuple[Settings, dict[str, Origin]]:
    """The settings with `text` as their file, and every origin as `section.name`."""
    file = tmp_path / "config.toml"
    file.write_text(text)
    found, origins = load_settings(command_line, file=file, environment=environment)
    flat = {f"{section}.{name}": origin for section, names in origins.items() for name, origin in names.items()}
    return found, flat


def test_command_line_over_environment_over_file_over_default(tmp_path: Path) -> None:
    found, origins = loaded(
        "[encoder]\nrate_hz = 20\nbitrate_bps = 2_000_000\n[server]\nport = 1\n[webrtc]\nudp_ports = '40000-40009'\n",
        tmp_path,
        {"server": {"port": 3, "host": None}},
        DILLINGER_STREAM_ENCODER_RATE_HZ="30",
        DILLINGER_STREAM_SERVER_PORT="2",
        DILLINGER_CORE_HTTP_PORT="9",
    )
    assert (found.encoder.rate_hz, found.encoder.bitrate_bps, found.server.port) == (30, 2_000_000, 3)
    assert found.server.host == "127.0.0.1" and found.webrtc.access().ports is not None
    assert origins["server.port"].source == "command line"
    assert origins["encoder.rate_hz"].source == "environment DILLINGER_STREAM_ENCODER_RATE_HZ"
    assert origins["encoder.bitrate_bps"].source == f"file {tmp_path / 'config.toml'}"
    assert origins["capture.display"].source == "default"


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("[encoder]\nrate_hz = 241", "encoder.rate_hz", "It is from 1 to 240"),
        ("[encoder]\nbitrate_bps = 5", "encoder.bitrate_bps", "It is from 100_000 to 200_000_000"),
        ("[encoder]\nrate_hz = 'fast'", "encoder.rate_hz", "It is from 1 to 240"),
        ("[encoder]\nrate = 60", "encoder.rate", "Did you mean rate_hz?"),
        ("[encoders]\nrate_hz = 60", "encoders", "Did you mean encoder?"),
        ("rate_hz = 60", "rate_hz", "Sections are: capture, encoder, webrtc, server"),
        ("encoder = 5", "encoder", ""),
        ("[webrtc]\nudp_ports = '9-1'", "webrtc.udp_ports", ""),
        ("[webrtc]\nice_servers = ['http://x']", "webrtc.ice_servers.urls.0", ""),
        ("[capture]\nsound_source = '--help'", "capture.sound_source", ""),
        ("[server]\ntls_cert = '/x'", "server", ""),
        ("[server]\nhost = '192.0.2.1'", "server", ""),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(tmp_path: Path, text: str, field: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        loaded(text, tmp_path)
    assert refused.value.field == field
    assert words in (refused.value.hint or "")
    if field != "server":
        assert "config.toml" in refused.value.message


def test_unknown_variables_are_told(tmp_path: Path) -> None:
    for name in ("DILLINGER_STREAM_ENCODER_RATE", "DILLINGER_STREAM_ENCODRE_RATE_HZ", "DILLINGER_STREAM_X"):
        with pytest.raises(Invalid, match=name):
            load_settings(environment={name: "1"})


def test_the_template_is_a_settings_file_that_changes_nothing(tmp_path: Path) -> None:
    text = config_template()
    assert loaded(text, tmp_path)[0] == loaded("", tmp_path)[0]
    uncommented = re.sub(r"^#(\w+ = .)", r"\1", text, flags=re.MULTILINE)
    found, origins = loaded(uncommented, tmp_path)
    assert found == loaded("", tmp_path)[0]
    named = [name for name, origin in origins.items() if origin.source.startswith("file")]
    assert len(named) > len(origins) / 2
    assert all(f"#{name} =" in text for section in SECTIONS.values() for name in section.model_fields)


def test_the_usual_file_need_not_be_there_and_a_named_one_must(tmp_path: Path) -> None:
    assert config_file(None, {"HOME": str(tmp_path)}) is None
    usual = tmp_path / ".config/dillinger-stream/config.toml"
    usual.parent.mkdir(parents=True)
    usual.write_text("[server]\nport = 5\n")
    assert load_settings(environment={"HOME": str(tmp_path)})[0].server.port == 5
    assert config_file(None, {"DILLINGER_STREAM_CONFIG": "/x"}) == Path("/x")
    with pytest.raises(Invalid, match="can't be read"):
        load_settings(file=tmp_path / "none.toml", environment={})


def test_the_command_line_shows_and_checks_settings(shelf: Shelf) -> None:
    file = shelf.runtime_dir.parent / "my.toml"
    file.write_text("[encoder]\nrate_hz = 30\n[webrtc]\nice_credential = 'hush-hush'\n")
    shown = shelf.command("config", "show", "--config", str(file), "--set", "server.port=9")
    assert f"rate_hz = 30.0   (file {file})" in shown.stdout and "port = 9   (command line)" in shown.stdout
    assert "hush-hush" not in shown.stdout
    file.write_text("[encoder]\nrate_hz = 0\n")
    wrong = shelf.command("config", "check", str(file))
    assert (
        wrong.returncode == 2 and f"encoder.rate_hz (file {file})" in wrong.stderr and "from 1 to 240" in wrong.stderr
    )
    assert shelf.command("config", "template").stdout == config_template()


@pytest.mark.parametrize("words", [("--bogus",), ("--port", "70000")])
def test_flags_that_make_no_sense_are_refused(shelf: Shelf, words: tuple[str, ...]) -> None:
    refused = shelf.command("start", *words)
    assert refused.returncode == 2 and refused.stderr and "Traceback" not in refused.stderr


def test_display_names() -> None:
    assert [display_number(name) for name in (":0", ":12.0", "unix:3", "unix/:4")] == [0, 12, 3, 4]
    for name in ("localhost:10.0", "10.0.0.1:0", "far:1", ":1.1"):
        with pytest.raises(Unsupported):
            display_number(name)
    for name in ("", ":", "1", ":x", ":999999", "/tmp/x", ":1\n", ":1 ", "a b:"):
        with pytest.raises(Invalid):
            display_number(name)


def test_a_wayland_session_is_not_mistaken_for_its_xwayland() -> None:
    wayland = {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}
    auto = CaptureSettings()
    assert kind_of(auto, {"DISPLAY": ":0"}) == "x11"
    assert kind_of(auto, wayland) == "wayland"
    assert kind_of(auto, {"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}) == "wayland"
    assert kind_of(CaptureSettings(display=":1"), wayland) == "x11"
    assert kind_of(CaptureSettings(source="x11"), wayland) == "x11"
    assert kind_of(CaptureSettings(display="wayland-1"), {"DISPLAY": ":0"}) == "wayland"


def test_desktops_that_only_a_portal_hands_out_are_known() -> None:
    there = {"WAYLAND_DISPLAY": "wayland-0", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/7/bus"}
    for desktop, kind in (("ubuntu:GNOME", "portal"), ("KDE", "portal"), ("sway", "wayland"), ("", "wayland")):
        assert kind_of(CaptureSettings(), there | {"XDG_CURRENT_DESKTOP": desktop}) == kind
    assert kind_of(CaptureSettings(), {"DISPLAY": ":0", "XDG_CURRENT_DESKTOP": "KDE"}) == "x11"
    found = choose(CaptureSettings(source="portal"), there | {"XDG_CURRENT_DESKTOP": "ubuntu:GNOME"})
    same = choose(CaptureSettings(source="portal"), {"XDG_RUNTIME_DIR": "/run/user/7"})
    assert (found.kind, found.name, found.key) == ("portal", "GNOME", same.key) and same.name == "portal"
    assert found.shares_clipboard  # as is wished, until the portal refuses it
    with pytest.raises(Invalid, match="not the display :1"):
        choose(CaptureSettings(source="portal", display=":1"), there)
    with pytest.raises(CaptureError, match="no session bus"):
        choose(CaptureSettings(source="portal"), {})


def test_a_compositor_is_found_by_its_name_or_path() -> None:
    there = {"XDG_RUNTIME_DIR": "/run/user/7", "WAYLAND_DISPLAY": "wayland-3"}
    assert socket_path("wayland-1", there) == Path("/run/user/7/wayland-1")
    assert socket_path("/elsewhere/sock", {}) == Path("/elsewhere/sock")
    for name, environment in (("wayland-1", {}), ("../x", there), ("a b", there), ("x" * 65, there)):
        with pytest.raises(Invalid):
            socket_path(name, environment)
    own = choose(CaptureSettings(), there)
    same = choose(CaptureSettings(display="/run/user/7/wayland-3"), {})
    assert (own.kind, own.name, own.key) == ("wayland", "wayland-3", same.key)
    with pytest.raises(Invalid, match="WAYLAND_DISPLAY"):
        choose(CaptureSettings(source="wayland"), {"DISPLAY": ":0"})


def test_keys_open_what_they_are_for(tmp_path: Path) -> None:
    keys = Keys("s" * 32, is_view_only=False)
    assert keys.play == "s" * 32 and keys.watch != keys.play
    assert (keys.admit(keys.play).role, keys.admit(keys.watch).role) == ("player", "viewer")
    shut = Keys("s" * 32, is_view_only=True)
    assert shut.play is None and shut.admit(shut.watch).role == "viewer"
    for key in ("", "s" * 31, "ß" * 40):
        with pytest.raises(Denied):
            keys.admit(key)
    with pytest.raises(Denied):
        shut.admit("s" * 32)
    assert secret_of(None) != secret_of(None)
    file = tmp_path / "key"
    file.write_text("abcdefghijklmnop\n")
    file.chmod(0o644)
    with pytest.raises(Invalid, match="by others"):
        secret_of(file)
    file.chmod(0o600)
    assert secret_of(file) == "abcdefghijklmnop"
    for text in ("short", "with a space in it 123", "x" * 5000):
        file.write_text(text)
        with pytest.raises(Invalid):
            secret_of(file)


def test_addresses_are_what_a_browser_opens() -> None:
    assert address_of(ServerSettings(), 8070) == "http://127.0.0.1:8070/"
    assert address_of(ServerSettings(host="::1"), 1) == "http://[::1]:1/"
    assert address_of(ServerSettings(host="desk.lan", plain_http=True), 1) == "http://desk.lan:1/"
    anywhere = ServerSettings(host="0.0.0.0", tls_cert=Path("/c"), tls_key=Path("/k"))
    assert re.fullmatch(r"https://[^:/]+:1/", address_of(anywhere, 1)) and "0.0.0.0" not in address_of(anywhere, 1)


def packed(entry: Entry) -> bytes:
    fields = (entry.address, entry.number, entry.name, entry.data)
    return struct.pack(">H", entry.family) + b"".join(struct.pack(">H", len(field)) + field for field in fields)


def test_the_cookie_of_this_display_is_found() -> None:
    name = b"MIT-MAGIC-COOKIE-1"
    file = b"".join(
        packed(entry)
        for entry in (
            Entry(256, b"elsewhere", b"1", name, b"foreign"),
            Entry(256, b"here", b"1", b"XDM-AUTHORIZATION-1", b"another way"),
            Entry(256, b"here", b"1", name, b"mine"),
            Entry(65_535, b"", b"", name, b"any"),
        )
    )
    assert cookie_for(entries(file), number=1, host="here") == b"mine"
    assert cookie_for(entries(file), number=2, host="here") == b"any"
    assert cookie_for(entries(file[:-1]), number=2, host="here") is None


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_bytes_are_some_cookies_or_none(data: bytes) -> None:
    found = list(entries(data))
    assert sum(map(len, map(packed, found))) <= len(data)
