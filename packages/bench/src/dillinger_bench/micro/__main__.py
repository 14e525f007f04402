"""The process that `measure.py` starts, and pyperf's own workers: every case is timed, in each of them anew."""

from __future__ import annotations

import argparse

import pyperf

from .cases import CASES


def main() -> None:
    """Times the cases that `--only` names; all else is pyperf's to read."""
    runner = pyperf.Runner(program_args=("-m", __package__), add_cmdline_args=_pass_on)
    runner.argparser.add_argument("--only", default=",".join(CASES))
    names = runner.parse_args().only.split(",")
    for name, prepare in CASES.items():
        if name in names:
            runner.bench_func(name, prepare())


def _pass_on(command: list[str], arguments: argparse.Namespace) -> None:
    """To a worker."""
    command += ["--only", arguments.only]


if __name__ == "__main__":
    main()
