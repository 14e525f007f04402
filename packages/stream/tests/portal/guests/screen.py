"""A compositor's part: a screen in PipeWire, of one colour; of another when standard input says so (`rrggbb`).

    screen.py NAME WIDTH HEIGHT

A compositor gives a picture when its stream begins, and then when something changes; this one does so 20 times a
second, which nobody who compares pictures sees. It is for one who looks: PipeWire's sink may hang when he has left.
"""

import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402


def main() -> None:
    Gst.init(None)
    name, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    pipeline = Gst.parse_launch(
        "videotestsrc name=in is-live=true pattern=solid-color foreground-color=0xff000000"
        f" ! video/x-raw,format=BGRx,width={width},height={height},framerate=20/1"
        " ! pipewiresink mode=provide sync=false"
        f' stream-properties="props,media.class=Video/Source,node.name={name},'
        'session.suspend-timeout-seconds=(string)0"'
    )
    source = pipeline.get_by_name("in")
    loop = GLib.MainLoop()

    def hear(_channel: Any, _condition: Any) -> bool:
        line = sys.stdin.readline()
        if not line:
            loop.quit()
            return False
        source.set_property("foreground-color", 0xFF000000 | int(line, 16))
        return True

    pipeline.set_state(Gst.State.PLAYING)
    GLib.io_add_watch(0, GLib.IO_IN | GLib.IO_HUP, hear)
    loop.run()


main()
