"""What other clients get wrong, courser gets right: the cases of the page "Beside other clients", in each colour."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from authority import Authority
from case import KINDS, NOT_ASKED, RIGHT
from cases.every import CASES, MODULES
from drivers import courser as driver
from drivers.common import close_files, forget_peak, peak, told
from scene import Seen
from worlds import World


@pytest.fixture(scope="session")
def netrc(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A netrc file with a password for the server."""
    file = tmp_path_factory.mktemp("home") / "netrc"
    file.write_text("machine 127.0.0.1 login user password secret\n")
    file.chmod(0o600)
    return str(file)


async def answer(client: Any, step: dict[str, Any]) -> dict[str, Any]:
    """Do one step, and tell what came of it."""
    forget_peak()
    before = peak()
    try:
        found = await driver.send(client, step)
    except Exception as error:
        found = told(error, driver.ERRORS, driver.TIMEOUTS)
    return {**found, "grown": peak() - before}


@pytest.mark.parametrize("name", CASES)
async def test_courser_is_right(
    world: World,
    name: str,
    authority: Authority,
    netrc: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    case = CASES[name]
    scene = case.scene(authority, {"roots": authority.roots, "netrc": netrc})
    try:
        for variable, value in scene.filled(case.env).items():
            monkeypatch.setenv(variable, value)
        job = case.job(scene)
        client = world.client(**driver.client_options(job["client"]))
        answers = [await answer(client, step) for step in job["steps"]]
        await client.close()
    finally:
        close_files()
        scene.close()

    verdict, why = case.verdict(Seen(scene, answers, caplog.text))

    if verdict == NOT_ASKED and case.accepts:
        pytest.skip(why)
    assert verdict == RIGHT, why


@pytest.mark.parametrize("name", CASES)
def test_a_case_says_what_it_is(name: str) -> None:
    case = CASES[name]

    assert case.kind in KINDS
    assert case.does.endswith(".")
    assert case.right.endswith(".")


def test_cases_have_names_of_their_own() -> None:
    assert sum(len(module.CASES) for module in MODULES) == len(CASES)
