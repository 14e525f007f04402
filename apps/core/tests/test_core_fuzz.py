"""Whatever a client sends, the API answers as its OpenAPI document says; bounded and seeded.

Core serves from a loop in a thread of its own, since schemathesis calls it from the outside like any client.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from apps.core.tests.core_house import PASSWORD, StandInRunner, add_game, add_user, open_house
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case

from dillinger_core.api.web import openapi_document
from dillinger_core.settings import CoreSettings

schemathesis.serializer.alias(["application/sdp", "application/trickle-ice-sdpfrag"], "text/plain")
schema = schemathesis.openapi.from_dict(openapi_document())
# The feed never ends, and a login that ends itself would make the rest of the run a test of 403.
calls = schema.exclude(path_regex=r"/(events|logout|me/password|login)$").exclude(
    method="PUT",
    path_regex=r"/saves/archive$",  # a body that is no JSON
)

CHECKS: list[Any] = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    )
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a core with a runner, and the headers of a logged-in admin."""
    state = tmp_path_factory.mktemp("core-fuzz")
    ready, over = threading.Event(), threading.Event()
    address: list[str] = []
    thread = threading.Thread(target=lambda: asyncio.run(_serve(state, address, ready, over)))
    thread.start()
    assert ready.wait(20), "core did not start"
    body = {"name": "admin", "password": PASSWORD}
    answer = httpx2.post(f"{address[0]}/api/v1/login", json=body, trust_env=False)
    cookie = f"dillinger_login={answer.cookies['dillinger_login']}"
    yield address[0], {"Cookie": cookie, "X-Dillinger-CSRF": answer.json()["csrf"]}
    over.set()
    thread.join()


async def _serve(state: Path, address: list[str], ready: threading.Event, over: threading.Event) -> None:
    runner = StandInRunner()
    await runner.appear()
    (state / "runner").mkdir()
    (state / "runner/keys").write_text("runner-key-of-the-tests\n")
    add_game(state / "library", "testcard")
    url = f"http://127.0.0.1:{runner.port}"
    core = CoreSettings.model_validate({"state_dir": state, "runner_url": url, "desktop_entry_dirs": ()})
    await add_user(core, "admin", "admin")
    async with open_house(core, runner) as house:
        address.append(house.url)
        ready.set()
        await asyncio.to_thread(over.wait)
    await runner.vanish()


@calls.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_documented(case: Case[Any], served: tuple[str, dict[str, str]]) -> None:
    url, headers = served
    response = case.call(base_url=url, headers=headers)
    case.validate_response(response, checks=CHECKS, headers=headers)
