"""Who a seat is: pid + start time + boot id, so that a reused pid is never taken for it.

The seat's process writes its own birth certificate (`identity.json`) before it becomes the seat: a shell joins the
cgroups, links the certificate into place (which succeeds once in a session's life) and turns into the seat by exec.
So there is no moment at which a seat runs and is not on file, whenever the runner is killed.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from dillinger_contracts.model import Model
from dillinger_contracts.seat_folder import SeatFolder

BORN = b"born\n"
TAKEN_EXIT_CODE = 75

# Arguments: session folder, RLIMIT_DATA in KiB or `unlimited`, number of cgroup.procs files, those files, the command.
# Stdout is a pipe to the runner until exec; after that it is the log, as stderr is from the start.
_BIRTH = r"""
set -eu
umask 077
folder=$1 data=$2 count=$3
shift 3
while [ "$count" -gt 0 ]; do echo 0 > "$1"; shift; count=$((count - 1)); done
ulimit -c 0
[ "$data" = unlimited ] || ulimit -d "$data"
read -r boot < /proc/sys/kernel/random/boot_id
read -r stat < /proc/self/stat
ticks_of() { shift 19; ticks=$1; }
ticks_of ${stat##*) }
draft=$folder/.identity.$$
printf '{"pid": %s, "start_ticks": %s, "boot_id": "%s"}\n' "$$" "$ticks" "$boot" > "$draft"
if ! ln "$draft" "$folder/identity.json" 2> /dev/null; then rm -f "$draft"; exit 75; fi
rm -f "$draft"
echo born
exec "$@" >&2
"""


class Identity(Model):
    """One process, of all that ever ran or will run on this machine."""

    pid: int = Field(gt=1)
    start_ticks: int
    """Field 22 of `/proc/PID/stat` (proc(5)): clock ticks after boot."""
    boot_id: str


def birth_command(
    folder: Path, *, command: Sequence[str], cgroup_procs: Sequence[Path], data_limit_bytes: int | None
) -> list[str]:
    """The argument list of a process that joins the cgroups, certifies its birth in `folder` and becomes `command`.

    It writes `born` to stdout when it has; it exits with 75 where another was born for this folder before.
    """
    data = "unlimited" if data_limit_bytes is None else str(data_limit_bytes // 1024)
    procs = [str(path) for path in cgroup_procs]
    return ["/bin/sh", "-c", _BIRTH, "seat", str(folder), data, str(len(procs)), *procs, *command]


def read_identity(folder: Path) -> Identity | None:
    """The birth certificate in this session folder."""
    try:
        return Identity.model_validate_json((folder / SeatFolder.IDENTITY).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def boot_id() -> str:
    """Names this boot of this kernel."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def is_alive(identity: Identity) -> bool:
    """Whether that very process runs; a zombie does not."""
    stat = _stat(identity.pid)
    if stat is None or identity.boot_id != boot_id():
        return False
    state, start_ticks = stat
    return start_ticks == identity.start_ticks and state not in ("Z", "X", "x")


def open_pidfd(identity: Identity) -> int | None:
    """A descriptor of that very process (readable once it exits), or None when it is gone; the caller closes it."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    if is_alive(identity):  # looked at after opening: the descriptor can't be of a later process with the same pid
        return descriptor
    os.close(descriptor)
    return None


def send_signal(identity: Identity, number: signal.Signals) -> bool:
    """Signals that very process; False when it is gone."""
    descriptor = open_pidfd(identity)
    if descriptor is None:
        return False
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def wait_exit(identity: Identity, *, timeout_s: float) -> bool:
    """Waits (blocking) for that very process to exit; False when it has not in time."""
    descriptor = open_pidfd(identity)
    if descriptor is None:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))
    finally:
        os.close(descriptor)


def _stat(pid: int) -> tuple[str, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])
