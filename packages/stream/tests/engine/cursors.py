"""Pointers that a test's window sets, as programs do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xcffib.xproto

if TYPE_CHECKING:
    from packages.stream.tests.engine.conftest import Painter

ARROW, CROSS = 68, 34
"""XC_left_ptr and XC_crosshair of the server's font `cursor`; their masks are the next glyphs."""


def set_cursor(painter: Painter, glyph: int, *, red: int = 0) -> None:
    """The window's pointer is this one, black or (`red`, 16 bits) red with a white edge; returns when the server
    knows."""
    core, font, cursor = painter.core, painter.connection.generate_id(), painter.connection.generate_id()
    core.OpenFont(font, len("cursor"), "cursor")
    core.CreateGlyphCursor(cursor, font, font, glyph, glyph + 1, red, 0, 0, 0xFFFF, 0xFFFF, 0xFFFF)
    core.ChangeWindowAttributes(painter.window, xcffib.xproto.CW.Cursor, [cursor])
    core.FreeCursor(cursor)
    core.CloseFont(font)
    painter.sync()


def hide_cursor(painter: Painter) -> None:
    """As games do: the window's pointer is an empty image."""
    core, generate_id = painter.core, painter.connection.generate_id
    pixmap, context, cursor = generate_id(), generate_id(), generate_id()
    core.CreatePixmap(1, pixmap, painter.root, 8, 8)
    core.CreateGC(context, pixmap, xcffib.xproto.GC.Foreground, [0])
    area = xcffib.xproto.RECTANGLE.synthetic(0, 0, 8, 8)  # type: ignore[no-untyped-call]
    core.PolyFillRectangle(pixmap, context, 1, [area])
    core.CreateCursor(cursor, pixmap, pixmap, 0, 0, 0, 0, 0, 0, 0, 0)
    core.ChangeWindowAttributes(painter.window, xcffib.xproto.CW.Cursor, [cursor])
    painter.sync()
