"""`python -m dillinger_seat --dir SESSION_DIR` runs one session; `--probe` says, as JSON, whether cells can be had.

`--wait FOLDER` starts before there is a session, and runs the one that it is given to. `--wine-template FOLDER` makes,
once for each Wine, what the prefixes of its games are made of.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from .loading import prepare

# structlog draws tracebacks with rich where that can be had. A seat's log is JSON, and rich costs each seat 4 MB.
sys.modules["rich"] = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from dillinger_contracts.session import SeatSpec


def main() -> int:
    """Exit codes: 0 the session has ended (`end.json` says how) or cells can be had; 1 they can't; 2 bad arguments."""
    parser = argparse.ArgumentParser(prog="dillinger-seat", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--dir", type=Path, metavar="SESSION_DIR", help="a session's folder, with its spec.json")
    what.add_argument("--wait", type=Path, metavar="FOLDER", help="a folder of the seat's own, until it has a session")
    what.add_argument(
        "--await",
        dest="handed",
        type=Path,
        metavar="FOLDER",
        help="a container's runtime folder, until it has a session",
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="write the log there, not to standard output")
    what.add_argument("--probe", action="store_true", help="try the sandbox and say what is wrong with it")
    what.add_argument("--wine-template", type=Path, metavar="FOLDER", help="make what Wine's prefixes are made of")
    arguments = parser.parse_args()
    if arguments.log:
        _print_to(arguments.log)
    if arguments.wine_template:
        return _make_template(arguments.wine_template)
    if arguments.probe:
        return _probe()
    prepare()
    if arguments.wait:
        return _wait(arguments.wait)
    if arguments.handed:
        return _await_handing(arguments.handed)
    return _run(arguments.dir)


def _print_to(file: Path) -> None:
    """All that this process says from now on: in a container nobody else keeps it as a file."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _probe() -> int:
    from .cell.isolation import probe

    result = probe()
    print(json.dumps(result.as_document()))
    return 0 if result.is_ok else 1


def _make_template(folder: Path) -> int:
    from dillinger_contracts.errors import DillingerError

    from .guests.wine_template import ensure_template

    try:
        template = ensure_template(folder, on_share=lambda share: print(json.dumps({"share": share}), flush=True))
        print(json.dumps({"template": str(template)}))
    except DillingerError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


def _wait(folder: Path) -> int:
    from .warm import await_session

    session_dir = await_session(folder.resolve())
    if session_dir is None:
        return 0
    os.chdir(session_dir)
    return _run(session_dir)


def _await_handing(runtime: Path) -> int:
    from .warm import await_handing

    spec = await_handing(runtime)
    if spec is None:
        return 0
    _print_to(Path(spec.session_dir) / "seat.log")
    return _live(spec)


def _run(session_dir: Path) -> int:
    from dillinger_contracts.session import SeatSpec

    try:
        spec = SeatSpec.model_validate_json((session_dir / "spec.json").read_bytes())
    except (OSError, ValidationError) as error:
        # The error's text is not printed: a spec holds secrets, and pydantic quotes what it minds.
        print(f"{session_dir}/spec.json can't be used: {type(error).__name__}", file=sys.stderr)
        return 2
    return _live(spec)


def _live(spec: SeatSpec) -> int:
    import uvloop

    from .logs import configure
    from .seat import Seat

    configure(spec.session.session_id)

    async def session() -> None:
        await Seat(spec).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(session())
    return 0


if __name__ == "__main__":
    sys.exit(main())
