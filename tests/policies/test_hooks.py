"""Event hooks: what the option may be, and how a hook is called."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from courser.hosts.inline import drive
from courser.policies.flow import Call, Pause, Whole
from courser.policies.hooks import checked_hooks, hook_flow
from courser.values.request import Request
from courser.values.response import Response

REQUEST = Request("GET", "http://a.example/")


def test_every_kind_is_there() -> None:
    assert checked_hooks({}) == {"request": [], "response": []}
    assert checked_hooks({"response": [print]}) == {"request": [], "response": [print]}
    assert checked_hooks({"request": print, "response": iter([len])}) == {"request": [print], "response": [len]}


def test_the_lists_are_copies() -> None:
    given: list[Any] = []

    checked_hooks({"request": given})["request"].append(print)

    assert given == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([print], "mapping such as"),
        ({"error": [print]}, "no event hooks 'error'.*trace="),
        ({"request": 5}, "'request' is a list of functions, not 5"),
        ({"response": [print, "x"]}, "'response' has 'x', which cannot be called"),
    ],
)
def test_nonsense_is_told(given: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        checked_hooks(given)


def play(hooks: Any) -> tuple[list[Any], Any]:
    """The steps of a call besides the request and the whole response, and whether it returns the answer to it."""
    flow = hook_flow(checked_hooks(hooks))(REQUEST)
    response, whole = Response(200), Response(203)
    steps: list[Any] = []
    given: Any = None
    while True:
        try:
            step = flow.send(given)
        except StopIteration as stop:
            return steps, stop.value is response or stop.value
        if step is REQUEST:
            given = response
            steps.append("sent")
        elif isinstance(step, Whole):
            assert step.response is response
            given = whole
        else:
            given = None
            steps.append(step)


def test_hooks_are_called_in_their_order() -> None:
    seen: list[Any] = []

    steps, given = play({"request": [seen.append, lambda each: seen.append("next")], "response": [seen.append]})

    assert seen[:2] == [REQUEST, "next"]
    assert seen[2].status_code == 203
    assert (steps, given) == (["sent"], True)


def test_what_has_to_be_awaited_is_a_call() -> None:
    seen: list[Any] = []

    async def hook(subject: Any) -> None:
        seen.append(subject)

    steps, _ = play({"request": [hook]})

    assert isinstance(steps[0], Call)
    assert seen == []
    drive(steps[0].function(*steps[0].args))
    assert seen == [REQUEST]


def test_a_generator_is_a_part_of_the_flow() -> None:
    pause = Pause(1)

    def hook(subject: Any) -> Generator[Any, Any, None]:
        yield pause

    steps, _ = play({"response": [hook]})

    assert steps == ["sent", pause]


async def replacing_later(response: Any) -> Any:
    return OTHER


def replacing_as_a_flow(response: Any) -> Generator[Any, Any, Any]:
    yield Pause(1)
    return OTHER


OTHER = Response(204)


def test_a_response_that_a_hook_returns_takes_the_place_of_the_answer() -> None:
    """As in Requests."""
    seen: list[Any] = []

    _, given = play({"response": [lambda response: OTHER, seen.append]})
    assert (given, seen) == (OTHER, [OTHER])
    _, given = play({"response": [replacing_as_a_flow]})
    assert given is OTHER
    _, given = play({"response": [lambda response: response, lambda response: "what else it may be"]})
    assert given is True


def test_lists_may_change_while_hooks_are_called() -> None:
    seen: list[Any] = []
    hooks = checked_hooks({"response": []})

    def once(response: Any) -> None:
        hooks["response"].remove(once)

    hooks["response"] += [once, seen.append]
    flow = hook_flow(hooks)(REQUEST)
    next(flow)
    assert isinstance(flow.send(Response(200)), Whole)
    with pytest.raises(StopIteration):
        flow.send(Response(200))

    assert len(seen) == 1
