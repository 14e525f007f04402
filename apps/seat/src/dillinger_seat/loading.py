"""Loads what a session needs: half of a cold start, in a thread while the cell starts, or before there is a session.

Until it is done the garbage collector rests: nothing that is imported is garbage, and looking for some in all that has
been loaded so far, again and again, takes an eighth of the time. Afterwards it looks at what came since alone.
"""

from __future__ import annotations

import gc
import os


def prepare() -> None:
    """To be called before anything is imported that takes long; `load` ends it."""
    gc.disable()
    # numpy only moves pixels here, and starting threads to multiply matrices costs a tenth of the time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def load() -> None:
    """Imports everything. Blocking; any thread."""
    import uvloop

    from . import seat, streaming
    from .desktops import x11

    del uvloop, seat, streaming, x11
    gc.freeze()
    gc.enable()
