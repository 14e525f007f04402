"""Games that come packed, in containers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e import test_e2e_packed as packed

from dillinger_bench.house import House

pytestmark = pytest.mark.full


def test_an_appimage_is_unpacked_once_and_plays(house: House, explained: list[House], tmp_path: Path) -> None:
    packed.test_an_appimage_is_unpacked_once_and_plays(house, explained, tmp_path, "gzip")


def test_the_folder_of_a_flatpak_plays_without_flatpak(house: House, explained: list[House], tmp_path: Path) -> None:
    packed.test_the_folder_of_a_flatpak_plays_without_flatpak(house, explained, tmp_path)
