"""Writes what others need of `input.toml`: the TypeScript codec, the reference page, the golden vectors.

Each generator is a pure function from the definition to text. `python -m dillinger_contracts.codegen` writes the files
into the repository that it is run from; a test compares them, so that the definition and its copies can't drift apart.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .input import (
    Button,
    InputEvent,
    Key,
    Look,
    Move,
    MoveBy,
    Pad,
    PadGone,
    ReleaseAll,
    Shown,
    Text,
    Wheel,
    definition,
    encode,
)

_NOTE = "Generated from input.toml by `python -m dillinger_contracts.codegen`; change that, not this."
_LINE = 120
_SETTERS = {"u8": "setUint8", "bool": "setUint8", "u16": "setUint16", "i16": "setInt16", "u32": "setUint32"}
_BYTES = {"u8": 1, "bool": 1, "u16": 2, "i16": 2, "u32": 4}
_RANGES = {"u8": "0, 0xff", "u16": "0, 0xffff", "i16": "-0x8000, 0x7fff", "u32": "0, 0xffffffff"}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def _header_bytes(toml: dict[str, Any]) -> int:
    return sum(_BYTES[kind] for _, kind in toml["header"]["fields"])


def _setter(kind: str, offset: int, expression: str) -> str:
    value = f"Number({expression})" if kind == "bool" else f"clamp({expression}, {_RANGES[kind]})"
    little = "" if _BYTES[kind] == 1 else ", true"
    return f"  view.{_SETTERS[kind]}({offset}, {value}{little});"


def _folded(signature: str) -> list[str]:
    """As Biome has it: in one line where it fits."""
    if len(signature) <= _LINE:
        return [signature]
    head, _, rest = signature.partition("(")
    parameters, _, tail = rest.rpartition(")")
    return [f"{head}(", *(f"  {parameter}," for parameter in parameters.split(", ")), f"){tail}"]


def _encoder(name: str, entry: dict[str, Any], header_bytes: int) -> list[str]:
    size = header_bytes + sum(_BYTES[kind] for _, kind in entry["payload"])
    fields = "".join(
        f", {_camel(field)}: {'boolean' if kind == 'bool' else 'number'}" for field, kind in entry["payload"]
    )
    signature = f"export function {_camel('encode_' + name)}(stamp: Stamp{fields}): Uint8Array<ArrayBuffer> {{"
    lines = [
        f"/** {entry['doc']} */",
        *(_folded(signature)),
        f"  const view = message(OPS.{name}.op, {size}, stamp);",
    ]
    offset = header_bytes
    for field, kind in entry["payload"]:
        lines.append(_setter(kind, offset, _camel(field)))
        offset += _BYTES[kind]
    return [*lines, "  return new Uint8Array(view.buffer);", "}", ""]


def typescript(toml: dict[str, Any]) -> str:
    """The browser's half of the codec: op numbers, key numbers, one encoder for each op."""
    header_bytes = _header_bytes(toml)
    lines = [
        f"// {_NOTE}",
        "/** The binary input protocol, browser → seat. Numbers that don't fit their field are clamped to it. */",
        "",
        f"export const INPUT_VERSION = {toml['version']};",
        f"export const HEADER_BYTES = {header_bytes};",
        "",
        'export type Channel = "input" | "motion";',
        "",
        "export const OPS = {",
        *(f'  {name}: {{ op: {op["op"]}, channel: "{op["channel"]}" }},' for name, op in toml["ops"].items()),
        "} as const satisfies Record<string, { op: number; channel: Channel }>;",
        "",
        "/** `KeyboardEvent.code` → Linux evdev key number. */",
        "export const KEY_CODES: Readonly<Record<string, number>> = {",
        *(f"  {code}: {number}," for code, number in toml["keys"].items()),
        "};",
        "",
        "/** Gamepads of one browser, at most. */",
        f"export const MOST_PADS = {toml['pads']['most']};",
        "",
        "/** Bit of a gamepad's `buttons`, and index in the Gamepad API's standard layout → its name. */",
        "export const PAD_BUTTONS = [",
        *(f'  "{name}",' for name in toml["pads"]["buttons"]),
        "] as const;",
        "",
        "/** What every message starts with: a wrapping number for each channel, and the sender's clock. */",
        "export interface Stamp {",
        "  seq: number;",
        "  clientTimeMs: number;",
        "}",
        "",
        "function clamp(value: number, low: number, high: number): number {",
        "  return Math.min(high, Math.max(low, Math.round(value)));",
        "}",
        "",
        "function message(op: number, bytes: number, stamp: Stamp): DataView<ArrayBuffer> {",
        "  const view = new DataView(new ArrayBuffer(bytes));",
        "  view.setUint8(0, op);",
        "  view.setUint16(2, stamp.seq & 0xffff, true);",
        "  view.setUint32(4, Math.floor(stamp.clientTimeMs) >>> 0, true);",
        "  return view;",
        "}",
        "",
    ]
    for name, entry in toml["ops"].items():
        lines += _encoder(name, entry, header_bytes)
    return "\n".join(lines)


def reference(toml: dict[str, Any]) -> str:
    """The protocol's reference page."""
    header = " ".join(f"`{kind} {name}`," for name, kind in toml["header"]["fields"]).rstrip(",")
    lines = [
        "# Input protocol",
        "",
        f"<!-- {_NOTE} -->",
        "",
        "What the browser sends to the seat when somebody plays: one small binary message an event, little-endian. The",
        "same bytes go over the signaling socket and over the WebRTC data channels `input` (reliable, ordered) and",
        "`motion` (unordered, no retransmits: the newest wins).",
        "",
        f"Version {toml['version']}. Every message starts with a header of {_header_bytes(toml)} bytes: {header}.",
        "`flags` is reserved and 0, `seq` counts the messages of a channel and wraps, `client_time_ms` is the sender's",
        "clock. A message that is not exactly as long as its op says, or names an op, key, button or gamepad that is",
        "not in these tables, is refused.",
        "",
        "## Ops",
        "",
        "| op | name | channel | payload | meaning |",
        "|---|---|---|---|---|",
    ]
    for name, op in toml["ops"].items():
        payload = ", ".join(f"`{kind} {field}`" for field, kind in op["payload"]) or "none"
        lines.append(f"| {op['op']} | `{name}` | {op['channel']} | {payload} | {op['doc']} |")
    lines += [
        "",
        "## Buttons of a gamepad",
        "",
        f"A browser has up to {toml['pads']['most']} gamepads, numbered from 0. A message of a gamepad that was sent",
        "before the last one of it that arrived (by `client_time_ms`, which wraps) is dropped.",
        "",
        "| bit | name |",
        "|---|---|",
        *(f"| {bit} | `{button}` |" for bit, button in enumerate(toml["pads"]["buttons"])),
    ]
    lines += [
        "",
        "## Keys",
        "",
        "`KeyboardEvent.code` and its Linux evdev number.",
        "",
        "| code | number |",
        "|---|---|",
    ]
    lines += [f"| `{code}` | {number} |" for code, number in toml["keys"].items()]
    return "\n".join([*lines, ""])


_GOLDEN: tuple[InputEvent, ...] = (
    Key(seq=0, client_time_ms=0, code=30, is_down=True),
    Key(seq=1, client_time_ms=16, code=30, is_down=False),
    Key(seq=65535, client_time_ms=4294967295, code=127, is_down=True),
    Button(seq=2, client_time_ms=1000, button=1, is_down=True),
    Button(seq=3, client_time_ms=1001, button=9, is_down=False),
    Move(seq=4, client_time_ms=1234567, x=0, y=65535),
    Move(seq=65536, client_time_ms=4294967296, x=32768, y=12345),
    MoveBy(seq=5, client_time_ms=2000, dx=-32768, dy=32767),
    MoveBy(seq=6, client_time_ms=2001, dx=-1, dy=1),
    Wheel(seq=7, client_time_ms=3000, dx=0, dy=-120),
    Wheel(seq=8, client_time_ms=3001, dx=240, dy=12),
    ReleaseAll(seq=9, client_time_ms=4000),
    Shown(seq=10, client_time_ms=5000, frame=4294967295, decode_us=850, draw_us=65535),
    Pad(seq=11, client_time_ms=6000, pad=0),
    Pad(
        seq=12, client_time_ms=6016, pad=3, buttons=0x1FFFF, left_x=-32768, left_y=32767, right_x=1, right_y=-1,
        left_trigger=255, right_trigger=128,
    ),
    PadGone(seq=13, client_time_ms=7000, pad=3),
    Look(seq=14, client_time_ms=8000, yaw=-18000, pitch=9000, roll=18000),
    Look(seq=15, client_time_ms=8016, yaw=1, pitch=-1, roll=0),
    Text(seq=16, client_time_ms=9000, code_point=0x65E5),
    Text(seq=17, client_time_ms=9001, code_point=0x10FFFD),
)  # fmt: skip


def golden(_toml: dict[str, Any]) -> str:
    """Events and their bytes, which every codec must agree on."""
    vectors = []
    for event in _GOLDEN:
        names = [name for name, _ in definition()["ops"][event.name]["payload"]]
        vectors.append(
            {
                "op": event.name,
                "seq": event.seq,
                "client_time_ms": event.client_time_ms,
                "payload": {name: getattr(event, name) for name in names},
                "hex": encode(event).hex(),
            }
        )
    return json.dumps({"note": _NOTE, "vectors": vectors}, indent=2) + "\n"


OUTPUTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "web/player/src/input.gen.ts": typescript,
    "docs/reference/input-protocol.md": reference,
    "packages/contracts/golden/input.json": golden,
}
"""Path in the repository → its generator."""


def outputs() -> dict[str, str]:
    """Path in the repository → what it must hold."""
    return {path: generate(definition()) for path, generate in OUTPUTS.items()}


def main() -> int:
    """Write every output below the present directory."""
    for path, text in outputs().items():
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
