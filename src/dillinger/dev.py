"""`dillinger dev`: the apps from the source tree, started again when their source changes; the pages by Vite.

Looks at modification times twice a second: no dependency, and quick enough for a person. Runs in the foreground until a
signal comes. Sessions live through a restart of the runner, as always.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from .apps import App, Plan
from .loglines import LogLines
from .supervisor import Child
from .tree import Tree, node_folder
from .up import on_signals

LOOK_INTERVAL_S = 0.5


def newest_change_ns(folders: Iterable[Path]) -> int:
    """The latest modification time of a Python or TOML file below `folders`."""
    files = (file for folder in folders for suffix in ("*.py", "*.toml") for file in folder.rglob(suffix))
    return max((file.stat().st_mtime_ns for file in files if file.exists()), default=0)


def vite(plan: Plan, tree: Tree) -> tuple[App, dict[str, str]]:
    """Vite's server, told where core is, and the environment it needs."""
    command = (str(tree.web / "node_modules/.bin/vite"), "--host", "127.0.0.1", "--clearScreen", "false", str(tree.web))
    environment = {"PATH": f"{node_folder()}:{os.environ.get('PATH', '')}", "DILLINGER_CORE_URL": plan.http_url}
    return App("web", command, "http://127.0.0.1:5173/"), environment


async def run(plan: Plan, tree: Tree, names: tuple[str, ...], console: Console) -> None:
    """Runs the named parts until SIGINT or SIGTERM."""
    lines = LogLines("info", is_for_people=sys.stderr.isatty())
    watched: list[tuple[Child, list[Path]]] = []
    for app in plan.apps:
        if app.name in names:
            sources = [tree.room(app.name).source, tree.room("contracts").source]
            watched.append((Child(app, lines.write, console.print), sources))
    if "web" in names:
        app, environment = vite(plan, tree)
        watched.append((Child(app, lines.write, console.print, environment), []))
        console.print(f"pages: {app.health_url}")
    with on_signals() as wishes:
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(child.keep()) for child, _ in watched]
            watchers = [group.create_task(_restart_on_change(child, folders, console)) for child, folders in watched]
            await wishes.end.wait()
            for watcher in watchers:
                watcher.cancel()
            for child, _ in reversed(watched):
                await child.end(grace_s=10)
            await asyncio.wait(keepers)


async def _restart_on_change(child: Child, folders: list[Path], console: Console) -> None:
    seen_ns = newest_change_ns(folders)
    while folders:
        await asyncio.sleep(LOOK_INTERVAL_S)
        now_ns = await asyncio.to_thread(newest_change_ns, folders)
        if now_ns > seen_ns:
            seen_ns = now_ns
            console.print(f"{child.app.name}: its source changed")
            with contextlib.suppress(ProcessLookupError):
                child.restart()
