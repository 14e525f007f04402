"""How near a shown picture is to the drawn one: SSIM and PSNR on luma. Pure.

Wang, Bovik, Sheikh, Simoncelli: Image quality assessment: from error visibility to structural similarity (2004), with
their 8×8 sliding window.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from dillinger_bench.testcard import guest

Luma = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

_WINDOW_PX = 8
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_TRIAL_PX = 48
LENS = (guest.PANEL_PX[0], 0, 64, 64)
"""A piece of the moving part that any picture of 720 lines has: x, y, width, height."""


def _means(values: Floats) -> Floats:
    """The mean of every window."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    side = _WINDOW_PX
    whole: Floats = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return whole / side**2


def ssim(shown: Luma, drawn: Luma) -> float:
    """Mean structural similarity of two pictures of one size, at least 8×8: 1 is the same."""
    if shown.shape != drawn.shape:
        raise ValueError(f"pictures of {shown.shape} and {drawn.shape} can't be compared")
    one, other = shown.astype(np.float64), drawn.astype(np.float64)
    mean_one, mean_other = _means(one), _means(other)
    variance_one = _means(one * one) - mean_one**2
    variance_other = _means(other * other) - mean_other**2
    covariance = _means(one * other) - mean_one * mean_other
    above = (2 * mean_one * mean_other + _C1) * (2 * covariance + _C2)
    below = (mean_one**2 + mean_other**2 + _C1) * (variance_one + variance_other + _C2)
    return float(np.mean(above / below))


def luma_of(pixels: npt.NDArray[np.uint32]) -> Luma:
    """BT.601 luma of 0xRRGGBB."""
    red, green, blue = pixels >> 16 & 0xFF, pixels >> 8 & 0xFF, pixels & 0xFF
    luma: Luma = np.rint(0.299 * red + 0.587 * green + 0.114 * blue).astype(np.uint8)
    return luma


@cache
def _tile() -> Luma:
    return luma_of(np.frombuffer(guest.tile_pixels(), dtype=np.uint32).reshape(guest.TILE_PX, guest.TILE_PX))


def drawn(box: tuple[int, int, int, int], ticks: int) -> Luma:
    """A piece (x, y, width, height) of the card's moving part as it is drawn after so many ticks: luma."""
    tile, side = _tile(), guest.TILE_PX
    step_x, step_y = guest.TILE_STEP_PX
    x, y, width_px, height_px = box
    columns = (np.arange(x, x + width_px) - ticks * step_x) % side
    rows = (np.arange(y, y + height_px) - ticks * step_y) % side
    part: Luma = tile[rows][:, columns]
    return part


def scene(width_px: int, height_px: int, ticks: int) -> Luma:
    """The card's moving part below the panel as it is drawn after so many ticks: luma."""
    top = guest.PANEL_PX[1]
    return drawn((0, top, width_px, height_px - top), ticks)


@cache
def _lenses() -> Floats:
    """What the lens can show: the scene repeats, since both steps are odd and a tile's side is a power of two."""
    return np.stack([drawn(LENS, ticks) for ticks in range(guest.TILE_PX)]).astype(np.float64)


def lens_likeness(shown: Luma) -> tuple[float, float]:
    """PSNR in dB and SSIM of what the lens showed, against the scene at the tick that fits it best."""
    errors = np.mean((_lenses() - shown.astype(np.float64)) ** 2, axis=(1, 2))
    best = int(np.argmin(errors))
    psnr_db = 10 * float(np.log10(255**2 / max(float(errors[best]), 0.01)))
    return psnr_db, ssim(shown, drawn(LENS, best))


def motion_ssim(shown: Luma) -> float:
    """SSIM of a shown picture of the card in full motion: against the scene at the tick that fits it best."""
    height_px, width_px = shown.shape
    below = shown[guest.PANEL_PX[1] :]
    trial = below[:_TRIAL_PX].astype(np.float64)

    def error(ticks: int) -> float:
        drawn = scene(width_px, guest.PANEL_PX[1] + _TRIAL_PX, ticks).astype(np.float64)
        return float(np.mean((trial - drawn) ** 2))

    # The scene repeats: both steps are odd, so every tick of a tile's side is another place.
    best = min(range(guest.TILE_PX), key=error)
    return ssim(below, scene(width_px, height_px, best))
