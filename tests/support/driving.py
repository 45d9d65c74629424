"""Runs a flow by hand: what a client does for it, without a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from courser.policies.flow import Call, Read, Send, Wait
from courser.values.request import Request
from courser.values.response import Response

Serve = Callable[[Request], Response]


def drive(flow: Any, serve: Serve) -> Any:
    """Give a flow what it yields for, until it returns; gives the response."""
    value: Any = None
    error: Exception | None = None
    try:
        while True:
            step = flow.send(value) if error is None else flow.throw(error)
            value, error = None, None
            try:
                value = done(step, serve)
            except Exception as raised:
                error = raised
    except StopIteration as stop:
        return stop.value


def done(step: Any, serve: Serve) -> Any:
    """Do what a flow wants."""
    match step:
        case Request():
            return serve(step.copy())
        case Send():
            return serve(step.request.copy())
        case Read():
            return step.response.content  # type: ignore[attr-defined]
        case Call():
            return step.function(*step.args)
        case Wait():
            assert step.event.is_set(), "nobody else is here to set it"
            return None
    raise AssertionError(step)


class Answers:
    """Answers requests in turn, the last answer for ever, and keeps what was asked."""

    def __init__(self, *answers: Response) -> None:
        self._answers = list(answers)
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        if request.body is not None:
            request.body.open()  # whoever sends it does
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    @property
    def shown(self) -> list[str | None]:
        """The header Authorization of each request."""
        return [request.headers.get("authorization") for request in self.asked]
