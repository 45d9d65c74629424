"""Functions that judge redirects: what they see, what they may say, and what they cannot do by mistake."""

from __future__ import annotations

from typing import Any

import pytest

from courser.errors import TooManyRedirects
from courser.policies.flow import Call
from courser.policies.redirect import SECRETS, follow_redirects
from courser.values.request import Request
from courser.values.response import Response


def answer(status: int, location: str | None = None, request: Request | None = None) -> Any:
    return Response(status, headers=[] if location is None else [("Location", location)], request=request)


def judged(judge: Any, *answers: Any, start: Any = "https://a.example/0", most: int = 20) -> tuple[Any, list[Request]]:
    """What a judge makes of redirects; awaitables of its are run as the runner of flows does it."""
    request = start if isinstance(start, Request) else Request("GET", start, headers={"Authorization": "s", "X": "1"})
    flow = follow_redirects(most, SECRETS, judge)(request)
    asked: list[Request] = []
    given: Any = None
    while True:
        try:
            step: Any = flow.send(given)
        except StopIteration as stop:
            return stop.value, asked
        given = None
        if isinstance(step, Request):
            asked.append(step)
            given = answers[len(asked) - 1]
        elif isinstance(step, Call):
            with pytest.raises(StopIteration) as ended:
                step.function(*step.args).send(None)
            given = ended.value.value


def test_a_judge_sees_each_hop_and_those_before_it() -> None:
    seen: list[Any] = []

    def judge(response: Any, following: Request) -> bool:
        seen.append((response.status_code, str(following.url), len(response.history)))
        return True

    answers = [answer(302, "/1"), answer(307, "/2"), answer(200)]
    given, asked = judged(judge, *answers)

    assert given is answers[2]
    assert given.history == answers[:2]
    assert len(asked) == 3
    assert seen == [(302, "https://a.example/1", 0), (307, "https://a.example/2", 1)]


def test_a_judge_may_stop() -> None:
    answers = [answer(302, "/1"), answer(302, "/2")]
    given, asked = judged(lambda response, following: following.url.path == "/1", *answers, most=1)

    assert given is answers[1]
    assert given.history == answers[:1]
    assert len(asked) == 2


def test_a_judge_may_refuse() -> None:
    def judge(response: Any, following: Request) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        judged(judge, answer(302, "/1"))


async def later(verdict: Any) -> Any:
    return verdict


def test_a_judge_may_be_asynchronous() -> None:
    given, asked = judged(lambda response, following: later(False), answer(302, "/1"))

    assert given.status_code == 302
    assert len(asked) == 1


def test_a_judge_does_not_change_how_many_hops_there_may_be() -> None:
    with pytest.raises(TooManyRedirects):
        judged(lambda response, following: True, *[answer(302, "/")] * 5, most=3)


@pytest.mark.parametrize("verdict", [None, 1, 0, "yes", object()])
def test_a_judge_that_says_nothing_of_the_kind(verdict: Any) -> None:
    with pytest.raises(TypeError, match="returns True to follow, False to stop, or the request to send"):
        judged(lambda response, following: verdict, answer(302, "/1"))


@pytest.mark.parametrize("verdict", ["True", "the request"])
def test_a_judge_may_change_the_next_request(verdict: str) -> None:
    def judge(response: Any, following: Request) -> Any:
        following.headers["X"] = "2"
        return True if verdict == "True" else following

    _, asked = judged(judge, answer(302, "/1"), answer(200))

    assert asked[1].headers.multi_items() == [("Authorization", "s"), ("X", "2")]
    assert not asked[1].estranged


def test_a_judge_may_carry_a_secret_on_to_whom_it_trusts() -> None:
    def judge(response: Any, following: Request) -> bool:
        if following.url.host.endswith(".example"):
            following.headers["Authorization"] = response.request.headers["Authorization"]
        return True

    trusted = answer(302, "https://b.example/", Request("GET", "https://a.example/", headers={"Authorization": "s"}))
    _, asked = judged(judge, trusted, answer(200))

    assert asked[1].headers["authorization"] == "s"
    assert asked[1].estranged  # nothing else is added by anybody


@pytest.mark.parametrize("url", ["https://b.example/", "http://a.example/", "https://u:p@b.example/"])
def test_another_url_takes_no_secret_along(url: str) -> None:
    """What was decided for one origin is not sent to another one that a judge has named in its place."""

    def judge(response: Any, following: Request) -> bool:
        following.url = url  # type: ignore[assignment]
        return True

    _, asked = judged(judge, answer(302, "/1"), answer(200))

    assert "s" not in asked[1].headers.values()
    assert "@" not in str(asked[1].url)
    assert asked[1].headers.get("authorization", "none") == ("Basic dTpw" if "@" in url else "none")
    assert asked[1].estranged


def test_a_downgrade_may_be_undone() -> None:
    """Where a server behind a proxy does not know that it is reached by https."""

    def judge(response: Any, following: Request) -> bool:
        following.url = following.url.replace(scheme="https")
        return True

    request = Request("PUT", "https://a.example/", content=b"body")
    _, asked = judged(judge, answer(307, "http://a.example/"), answer(200), start=request)

    assert (str(asked[1].url), asked[1].content) == ("https://a.example/", b"body")


@pytest.mark.parametrize(("url", "estranged"), [("https://a.example/other", False), ("https://c.example/", True)])
def test_a_judge_may_send_a_request_of_its_own(url: str, estranged: bool) -> None:
    own = Request("QUERY", url, headers={"Authorization": "mine"}, content=b"q")
    _, asked = judged(lambda response, following: own, answer(302, "/1"), answer(200))

    assert (asked[1].method, str(asked[1].url), asked[1].content) == ("QUERY", url, b"q")
    assert asked[1].headers["authorization"] == "mine"
    assert asked[1].estranged is estranged


def test_a_request_of_its_own_stays_estranged_behind_one_that_was() -> None:
    _, asked = judged(
        lambda response, following: Request("GET", "https://a.example/"),
        answer(302, "https://b.example/"),
        answer(200),
    )

    assert asked[1].estranged
