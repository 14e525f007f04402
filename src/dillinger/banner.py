"""What `up` prints when all is well: where to go, how to log in the first time, where data is."""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.text import Text

from .apps import Plan


@dataclass(frozen=True, slots=True)
class FirstLogin:
    """The admin that core made at first start; gone once that password was changed."""

    name: str
    password: str


def first_login(core_dir: Path) -> FirstLogin | None:
    """What core left for the person at the terminal, if that is still to be used."""
    try:
        entry = json.loads((core_dir / "first-login.json").read_text("utf-8"))
        return FirstLogin(str(entry["name"]), str(entry["password"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def outside_addresses(host: str) -> list[str]:
    """The addresses under which other machines reach a listener on `host`; none where that is for this machine only."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return [] if _is_loopback(host) else [host]
    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    found = [
        address.address
        for name, addresses in psutil.net_if_addrs().items()
        if name in up
        for address in addresses
        if address.family == socket.AF_INET and not _is_loopback(address.address)
    ]
    return found[:4]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def show(plan: Plan, console: Console, started_s: float) -> None:
    """Prints the block. No line of it is wrapped or cut, so that addresses and the password can be copied."""
    console.print()
    console.print(Text.assemble(("Dillinger is running", "bold green"), (f"   started in {started_s:.1f} s", "dim")))
    for label, text in rows(plan, outside_addresses(plan.core.https_host), first_login(plan.core.core_dir)):
        console.print(Text.assemble((f"{label:<18}", "bold"), text), soft_wrap=True)
    console.print()
    console.print("Ctrl-C ends it, with every game that runs.", style="dim")


def _https(host: str, port: int) -> str:
    near = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"https://[{near}]:{port}" if ":" in near else f"https://{near}:{port}"


def rows(plan: Plan, hosts: list[str], login: FirstLogin | None) -> Iterator[tuple[str, Text]]:
    """The lines of the block: a label, and what it labels."""
    core = plan.core
    yield "", Text()
    yield "on this machine", Text(plan.http_url.replace("127.0.0.1", "localhost"), style="cyan")
    if not hosts:
        here = _https(core.https_host, core.https_port).replace("127.0.0.1", "localhost")
        yield "", Text.assemble((here, "cyan"), ("   with a certificate of its own; not reachable from others", "dim"))
    for number, host in enumerate(hosts):
        yield "" if number else "from others", Text(_https(host, core.https_port), style="cyan")
    if hosts:
        yield "certificate", Text(f"{_https(hosts[0], core.https_port)}/api/v1/ca.pem")
        yield "", Text("install it once on each device that plays: its browser trusts this one then", style="dim")
    if login is not None:
        yield "", Text()
        yield "first login", Text.assemble(("name ", "dim"), (login.name, "bold"))
        yield "", Text.assemble(("one-time password ", "dim"), (login.password, "bold"))
    yield "", Text()
    yield "data", Text(str(core.state_dir))
    yield "your own games", Text(str(core.library))
