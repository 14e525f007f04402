"""Only a valid ticket opens a stream, and only once."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from websockets.exceptions import ConnectionClosed

from dillinger_contracts.errors import Denied
from dillinger_seat.admission import Admission

SESSION = "abcdefghij0123456789"
KEY = secrets.token_bytes(32)
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def ticket(key: bytes = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {
        "jti": secrets.token_urlsafe(16),
        "sub": "ann",
        "sid": SESSION,
        "role": "player",
        "iat": 1000,
        "exp": 1060,
    }
    return jwt.encode(header or {"alg": "HS256"}, {**claims, **changes}, OctKey.import_key(key))


def admission(now_s: float = 1001) -> Admission:
    return Admission(SESSION, base64.urlsafe_b64encode(KEY).decode().rstrip("="), clock=lambda: now_s)


def test_good_ticket_says_who_comes() -> None:
    claims = admission().admit(ticket(role="viewer"))
    assert (claims.sub, claims.role) == ("ann", "viewer")


def signed(header: Any) -> str:
    """A good ticket under another header, signed with the session's key as HS256 would."""
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    body = f"{head}.{ticket().split('.')[1]}"
    signature = hmac.digest(KEY, body.encode(), "sha256")
    return f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def unsigned() -> str:
    _, body, _ = ticket().split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    return f"{none}.{body}."


@pytest.mark.parametrize(
    "bad",
    [
        "", "x.y.z", unsigned(), ticket(key=secrets.token_bytes(32)), ticket(sid="z" * 20), ticket(exp=900, iat=850),
        ticket(iat=2000, exp=2060), ticket(exp=100_000), ticket(role="admin"), ticket(jti="short"),
        ticket(extra="claim"), ticket()[:-4] + "AAAA", "tïcket", f"{ticket()}.{ticket()}", signed({"alg": "none"}),
        signed({"alg": "HS512"}), signed({"alg": "HS256", "crit": ["b64"], "b64": False}), signed({}),
        f"{ticket()}=", f" {ticket()}", f"{ticket()}\n", ticket().replace(".", "..", 1), ticket(exp=float("nan")),
        ticket(exp=[1060]), ticket(sub="a" * 100_000), signed([{"alg": "HS256"}]), f".{ticket()}", ticket()[:-1],
    ],
    ids=[
        "empty", "garbage", "unsigned", "foreign-key", "other-session", "expired", "not-yet", "too-long", "role", "jti",
        "unknown-claim", "forged", "not-ascii", "two", "says-unsigned", "other-algorithm", "critical", "no-algorithm",
        "padded", "space", "newline", "two-dots", "nan", "list", "long", "header-is-no-object", "headless", "cut",
    ],
)  # fmt: skip
def test_bad_ticket_is_refused(bad: str) -> None:
    with pytest.raises(Denied):
        admission().admit(bad)


def test_a_signature_has_one_spelling() -> None:
    """What decodes to the same bytes all the same is no signature: a lenient decoder takes each of these."""
    good = ticket()
    last = BASE64URL.index(good[-1])
    for text in (good.replace("-", "+").replace("_", "/"), good[:-1] + BASE64URL[last ^ 1], f"{good}!"):
        if text != good:
            with pytest.raises(Denied):
                admission().admit(text)
    assert admission().admit(good).sub == "ann"


def test_a_ticket_by_hand_is_good_under_the_right_header() -> None:
    assert admission().admit(signed({"typ": "JWT", "alg": "HS256"})).sub == "ann"


def test_ticket_opens_once() -> None:
    gate, once = admission(), ticket()
    gate.admit(once)
    with pytest.raises(Denied, match="used before"):
        gate.admit(once)


async def test_seat_lets_a_ticket_in_once_and_no_other(rig: Any) -> None:
    rig.window()
    await rig.ready()
    good = rig.ticket()
    viewer = await rig.view(good)
    await rig.next_text(viewer, "welcome")
    old = int(time.time()) - 500
    refused = [
        good,
        rig.ticket(key=secrets.token_bytes(32)),
        rig.ticket(exp=old + 60, iat=old),
        rig.ticket(sid="z" * 20),
    ]
    for bad in refused:
        with pytest.raises((ConnectionClosed, AssertionError)):
            await rig.next_text(await rig.view(bad), "welcome")
    assert (await rig.next_text(viewer, "video_config"))["width_px"] == 640
