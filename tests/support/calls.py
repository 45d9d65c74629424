"""A session over a fake transport, called as a client calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from courser.core.place import Place
from courser.hosts.inline import InlineHost, run_inline
from courser.session import Session
from courser.values.request import Request
from courser.values.response import Response

HERE = "http://a.example/"
OK = Response(200, content=b"ok")
Handler = Callable[[Request], Response]


class Fake:
    """Answers with what a function says, and keeps what it was asked."""

    def __init__(self, handler: Handler = lambda request: OK) -> None:
        self.handler = handler
        self.asked: list[Request] = []

    def send(self, request: Request, deadline: float, /) -> Response:
        self.asked.append(request)
        return self.handler(request)


class Calls:
    """A session over a fake transport, called as a client calls it."""

    def __init__(self, handler: Handler = lambda request: OK, **options: Any) -> None:
        self.fake = Fake(handler)
        self.session = Session(transport=self.fake, **options)
        self.place: Place = self.session.place(InlineHost())

    def __call__(self, method: str, url: Any, **options: Any) -> Response:
        return run_inline(self.session.perform(self.place, method, url, options))  # type: ignore[arg-type]

    def get(self, url: Any = HERE, **options: Any) -> Response:
        return self("GET", url, **options)

    def sent(self, url: Any = HERE, **options: Any) -> Request:
        """What a GET sends."""
        self.get(url, **options)
        return self.fake.asked[-1]


def redirect(location: str) -> Response:
    return Response(302, headers={"Location": location})


def hops(request: Request) -> Response:
    """Two hops, the first of which carries a body."""
    if request.url.path == "/":
        return Response(302, headers={"Location": "/1"}, content=b"moved")
    return redirect("http://b.example/end") if request.url.path == "/1" else OK
