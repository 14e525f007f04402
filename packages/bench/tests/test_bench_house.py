"""What a house leaves behind when it is closed."""

from __future__ import annotations

from dillinger_bench.house import House


def test_a_folder_that_nobody_may_look_into_goes_with_its_house() -> None:
    house = House(variants=())
    (house.root / "work").mkdir()
    (house.root / "work/work").mkdir(mode=0)  # an overlay's
    house.close()
    assert not house.root.exists()
