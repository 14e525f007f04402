"""API keys: made, rotated and refused without a restart."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dillinger_contracts import Invalid, NotFound
from dillinger_runner.keys import KeyRing, add_key, ensure_keys, load_keys, parse_environment, remove_key

LONG = "x" * 30


def test_the_first_key_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    file = tmp_path / "runner/keys"
    ensure_keys(file)
    [key] = load_keys(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ensure_keys(file)
    assert load_keys(file) == [key]
    assert key.secret not in repr(key)


def test_rotation_takes_effect_without_a_restart(tmp_path: Path) -> None:
    """The new key is good at once and first, the old one until it is removed."""
    file = tmp_path / "keys"
    ensure_keys(file)
    [old] = load_keys(file)
    ring = KeyRing(file)
    assert ring.admits(old.secret)
    new = add_key(file, "core", is_first=True)
    assert load_keys(file)[0] == new
    assert ring.admits(new.secret)
    assert ring.admits(old.secret)
    remove_key(file, old.key_id)
    assert not ring.admits(old.secret)
    assert ring.admits(new.secret)
    with pytest.raises(NotFound):
        remove_key(file, "nobody")


def test_a_broken_or_missing_file_lets_nobody_in(tmp_path: Path) -> None:
    """Except by the environment's keys."""
    file = tmp_path / "keys"
    ring = KeyRing(file, [LONG])
    assert ring.admits(LONG)
    assert not ring.admits("")
    file.write_text("short\n")
    assert not ring.admits("short")
    file.write_bytes(b"\xff" * 40)
    assert not ring.admits("\xff" * 40)
    assert ring.admits(LONG)


def test_comments_and_names_are_no_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# a comment {LONG}\n\n{LONG} # core\n")
    ring = KeyRing(file)
    assert [key.name for key in load_keys(file)] == ["core"]
    assert ring.admits(LONG)
    assert not ring.admits(f"{LONG} # core")
    assert not ring.admits(LONG[:-1])
    assert not ring.admits(LONG * 100)


def test_keys_of_the_environment_are_checked() -> None:
    assert parse_environment(f"{LONG}, {'y' * 20}") == [LONG, "y" * 20]
    assert parse_environment(None) == []
    with pytest.raises(Invalid, match="20 to 512"):
        parse_environment("secret")
