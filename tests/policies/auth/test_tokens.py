"""Tokens that expire: who gets a new one, who waits, and what becomes of those who wait."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import pytest
from driving import Answers, drive

from courser.errors import ConnectError, DeadlineExceeded, HTTPError
from courser.policies.auth import tokens
from courser.policies.auth.tokens import FOREVER, Token, TokenAuth
from courser.policies.flow import Call, Send, Wait
from courser.values.request import Request
from courser.values.response import Response

HERE = "http://a.example/"
OK = Response(200)
REFUSED = Response(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


class Clock:
    """A time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(tokens, "time", made)
    monkeypatch.setattr(tokens, "monotonic", made)
    return made


class Numbered(TokenAuth):
    """Gets tokens that are numbered, by a request that a test may answer as it likes."""

    def __init__(self, clock: Clock, life: float = 100.0, load: Any = None, save: Any = None) -> None:
        super().__init__(load, save)
        self.clock = clock
        self.life = life
        self.count = 0

    def restore(self, stored: Mapping[str, Any]) -> Token | None:
        return Token(stored["value"], stored["due"], -FOREVER) if stored else None

    def obtain(self, request: Request) -> Generator[Any, Any, tuple[Token, dict[str, Any]]]:
        yield Send(Request("POST", "http://token.example/"))
        self.count += 1
        return Token(f"t{self.count}", self.clock.now + self.life, self.clock()), {"value": f"t{self.count}"}


class Server(Answers):
    """Keeps apart what is asked for and what asks for tokens."""

    def __call__(self, request: Request) -> Response:
        return OK if request.url.host == "token.example" else super().__call__(request)


def get(auth: TokenAuth, server: Answers, **parts: Any) -> Any:
    return drive(auth.flow(Request("GET", HERE, **parts)), server)


def begun(auth: TokenAuth) -> Any:
    return auth.flow(Request("GET", HERE))


def test_a_token_is_used_until_it_is_due(clock: Clock) -> None:
    auth, server = Numbered(clock), Server(OK)

    for pause in (0, 50, 49, 2):
        clock.now += pause
        assert get(auth, server) is OK

    assert server.shown == ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]


def test_a_token_that_is_refused_is_replaced_once(clock: Clock) -> None:
    auth, server = Numbered(clock), Server(OK, REFUSED, OK, REFUSED, REFUSED)

    assert [get(auth, server).status_code for _ in range(3)] == [200, 200, 401]
    assert server.shown == ["Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2", "Bearer t3"]


def test_a_token_that_is_quite_new_is_not_replaced(clock: Clock) -> None:
    server = Server(REFUSED)

    assert get(Numbered(clock), server).status_code == 401
    assert server.shown == ["Bearer t1"]


REFUSALS = {
    "": True,
    "Basic realm=x": True,
    "Bearer": True,
    "Bearer realm=x": True,
    'Bearer error="invalid_token"': True,
    'Bearer error="invalid_request"': False,
    'Bearer error="insufficient_scope", Basic realm=x': False,
}


@pytest.mark.parametrize("challenge", REFUSALS)
def test_a_server_that_names_another_reason_is_believed(clock: Clock, challenge: str) -> None:
    answer = Response(401, headers={"WWW-Authenticate": challenge} if challenge else {})
    auth, server = Numbered(clock), Server(OK, answer, OK)
    get(auth, server)

    assert (get(auth, server) is OK) == REFUSALS[challenge]


def test_a_body_that_runs_once_is_not_sent_again(clock: Clock) -> None:
    auth, server = Numbered(clock), Server(OK, REFUSED, OK)
    get(auth, server)

    assert get(auth, server, content=iter([b"x"])) is REFUSED
    assert len(server.asked) == 2
    assert auth.count == 1
    assert get(auth, server, content=b"x") is OK


# Flights


def test_others_wait_for_the_one_who_asks(clock: Clock) -> None:
    auth = Numbered(clock)
    first, *others = [begun(auth) for _ in range(4)]

    assert isinstance(next(first), Send)
    waits = [next(other) for other in others]
    assert all(isinstance(wait, Wait) and not wait.event.is_set() for wait in waits)

    assert first.send(OK).headers["Authorization"] == "Bearer t1"
    assert all(wait.event.is_set() for wait in waits)
    assert [other.send(None).headers["Authorization"] for other in others] == ["Bearer t1"] * 3
    assert auth.count == 1


def test_who_waited_is_content_with_a_short_life(clock: Clock) -> None:
    auth = Numbered(clock, life=-1)
    first, other = begun(auth), begun(auth)
    next(first), next(other)
    first.send(OK)

    assert other.send(None).headers["Authorization"] == "Bearer t1"


def test_who_waited_is_told_the_same_error(clock: Clock) -> None:
    auth = Numbered(clock)
    first, other = begun(auth), begun(auth)
    next(first), next(other)
    error = ConnectError(detail="nobody there")

    with pytest.raises(ConnectError):
        first.throw(error)
    with pytest.raises(ConnectError, match="nobody there") as caught:
        other.send(None)

    assert caught.value is not error
    assert caught.value.__cause__ is error
    assert caught.value.request is not None
    assert isinstance(next(begun(auth)), Send)  # the next one tries again


@pytest.mark.parametrize(
    "error", [DeadlineExceeded(detail="late"), GeneratorExit(), KeyboardInterrupt(), KeyError("x")]
)
def test_who_is_called_off_leaves_it_to_another(clock: Clock, error: BaseException) -> None:
    auth = Numbered(clock)
    first, second, third = begun(auth), begun(auth), begun(auth)
    next(first), next(second), next(third)

    with pytest.raises(type(error)):
        first.throw(error)

    assert isinstance(second.send(None), Send)
    wait = third.send(None)
    assert isinstance(wait, Wait)
    assert not wait.event.is_set()
    second.close()
    assert isinstance(third.send(None), Send)
    assert third.send(OK).headers["Authorization"] == "Bearer t1"


def test_who_comes_when_it_is_done_asks_for_nothing(clock: Clock) -> None:
    """Between a look at the token and a look at the flight another one may have landed."""
    auth, server = Numbered(clock), Server(OK)
    get(auth, server)
    token = auth._token
    auth._token = None
    flow = begun(auth)

    class Slow(dict[str, Any]):
        def setdefault(self, *pair: Any) -> Any:
            auth._token = token
            return super().setdefault(*pair)

    auth._flights = Slow()

    assert next(flow).headers["Authorization"] == "Bearer t1"
    assert auth.count == 1


@pytest.mark.parametrize("left", [True, False])
def test_nobody_waits_for_a_flight_that_an_interrupt_has_left_behind(clock: Clock, left: bool) -> None:
    auth, server = Numbered(clock), Server(OK)

    class Struck(dict[str, Any]):
        def get(self, *key: Any) -> Any:
            raise KeyboardInterrupt

        def setdefault(self, key: str, flight: Any) -> Any:
            if left:
                super().setdefault(key, flight)
            raise KeyboardInterrupt

    auth._flights = Struck()
    with pytest.raises(KeyboardInterrupt):
        get(auth, server)
    auth._flights = dict(auth._flights)

    assert len(auth._flights) == left
    assert get(auth, server) is OK
    assert auth._flights == {}


def test_many_refusals_are_one_request(clock: Clock) -> None:
    auth, server = Numbered(clock), Server(OK)
    get(auth, server)
    flows = [begun(auth) for _ in range(3)]
    for flow in flows:
        assert next(flow).headers["Authorization"] == "Bearer t1"

    steps = [flow.send(REFUSED) for flow in flows[:2]]
    assert [type(step) for step in steps] == [Send, Wait]
    flows[0].send(OK)
    flows[1].send(None)

    assert flows[2].send(REFUSED).headers["Authorization"] == "Bearer t2"  # it is there by now
    assert auth.count == 2


# Keeping


def test_what_was_stored_is_asked_for_once(clock: Clock) -> None:
    loads: list[int] = []

    def load() -> Any:
        loads.append(1)
        return {"value": "stored", "due": clock.now + 10}

    auth, server = Numbered(clock, load=load), Server(OK)
    for pause in (0, 0, 11, 200):
        clock.now += pause
        get(auth, server)

    assert server.shown == ["Bearer stored", "Bearer stored", "Bearer t1", "Bearer t2"]
    assert loads == [1]


@pytest.mark.parametrize("stored", [None, {}])
def test_nothing_may_be_stored(clock: Clock, stored: Any) -> None:
    server = Server(OK)

    get(Numbered(clock, load=lambda: stored), server)

    assert server.shown == ["Bearer t1"]


def test_a_stored_token_may_be_refused(clock: Clock) -> None:
    server = Server(REFUSED, OK)

    get(Numbered(clock, load=lambda: {"value": "stored", "due": FOREVER}), server)

    assert server.shown == ["Bearer stored", "Bearer t1"]


def test_a_token_is_stored_before_it_is_shown(clock: Clock) -> None:
    order: list[Any] = []
    auth = Numbered(clock, save=order.append)
    flow = begun(auth)

    next(flow)
    step = flow.send(OK)
    assert isinstance(step, Call)
    step.function(*step.args)

    assert order == [{"value": "t1"}]
    assert flow.send(None).headers["Authorization"] == "Bearer t1"


def test_a_token_that_cannot_be_stored_is_used_by_the_others(clock: Clock) -> None:
    def save(stored: Any) -> None:
        raise OSError("disk full")

    auth, server = Numbered(clock, save=save), Server(OK)

    with pytest.raises(OSError, match="disk full"):
        get(auth, server)
    assert get(auth, server) is OK
    assert server.shown == ["Bearer t1"]


def test_an_error_of_load_is_asked_again(clock: Clock) -> None:
    answers: list[Any] = [HTTPError(detail="later"), {"value": "stored", "due": FOREVER}]

    def load() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    auth, server = Numbered(clock, load=load), Server(OK)
    with pytest.raises(HTTPError, match="later"):
        get(auth, server)
    get(auth, server)

    assert server.shown == ["Bearer stored"]


@pytest.mark.parametrize("method", ["restore", "obtain"])
def test_what_a_token_is_is_said_elsewhere(method: str) -> None:
    with pytest.raises(NotImplementedError):
        getattr(TokenAuth(None, None), method)(None)
