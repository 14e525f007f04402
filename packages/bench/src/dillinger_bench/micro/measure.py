"""Runs the micro-benchmarks by pyperf: several processes, calibrated loops, warm-ups; and takes the medians."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyperf

from dillinger_contracts.errors import Internal

from .cases import CASES

Values = dict[str, float]


def measure(names: Sequence[str], *, processes: int) -> Values:
    """Microseconds of each case, the median over `processes` processes."""
    with tempfile.TemporaryDirectory(prefix="dillinger-bench-") as folder:
        file = Path(folder) / "micro.json"
        command = [
            sys.executable, "-m", __package__, "--output", str(file), "--only", ",".join(names or CASES),
            "--processes", str(processes), "--values", "3", "--warmups", "1", "--quiet", "--inherit-environ", "PATH",
        ]  # fmt: skip
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise Internal(f"The micro-benchmarks failed: {ended.stderr.strip()[-500:]}")
        suite = pyperf.BenchmarkSuite.load(str(file))
    return {benchmark.get_name(): benchmark.median() * 1e6 for benchmark in suite}
