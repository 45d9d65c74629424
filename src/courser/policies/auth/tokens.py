"""Tokens that expire: one request gets a new one, and all others wait for it.

Who finds no token that is good puts a `Flight` where everybody sees it; putting it there is one step of the
interpreter, so it is there once, whatever threads and event loops the requests run in. The others wait for its event.
A flight that is called off, because the request that had begun it was cancelled or out of time, says nothing to those
who wait: one of them begins another.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from copy import copy
from time import monotonic, time

from ...errors import DeadlineExceeded, HTTPError
from ...hints import TYPE_CHECKING, NamedTuple
from ..flow import Call, Event, Wait
from .challenges import challenges_in

if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

    from ...values.request import Request
    from ..flow import Answer, Flow, Step

__all__ = ["FOREVER", "Grant", "Token", "TokenAuth"]

FOREVER: Final = float("inf")
UNDER_WAY: Final = "under way"


class Token(NamedTuple):
    """A token, and how long it is good.

    Attributes:
        value: what requests show.
        due: when it is to be replaced, in seconds since 1970.
        obtained: when a server gave it, on the monotonic clock; minus infinity where it was stored.
    """

    value: str
    due: float
    obtained: float


Grant: TypeAlias = "tuple[Token, dict[str, Any]]"
"""A token, and what is to be stored of it."""

Load: TypeAlias = "Callable[[], Any]"
Save: TypeAlias = "Callable[[dict[str, Any]], Any]"


class Flight:
    """One request for a token.

    Attributes:
        landed: set when it has ended.
        token: what it has brought.
        error: what it has brought instead.
    """

    __slots__ = ("error", "landed", "token")

    def __init__(self) -> None:
        self.landed = Event()
        self.token: Token | None = None
        self.error: HTTPError | None = None


class TokenAuth:
    """Shows a bearer token with every request, and gets another one in time.

    Args:
        load: gives what was stored the last time, or None.
        save: stores the token; it may block or be async, as `load` may.
    """

    def __init__(self, load: Load | None, save: Save | None) -> None:
        self._load = load
        self._save = save
        self._token: Token | None = None
        self._flights: dict[str, Flight] = {}

    # What is different from one kind of token to another

    def restore(self, stored: Mapping[str, Any]) -> Token | None:
        """The token that was stored, where there is one."""
        raise NotImplementedError

    def obtain(self, request: Request) -> Generator[Step, Any, Grant]:
        """Ask for a token, on behalf of a request."""
        raise NotImplementedError

    # The flow

    def flow(self, request: Request) -> Flow:
        """Send a request with a token, and once more with another one if the server takes it for no good."""
        started = monotonic()
        token = yield from self._current(request, None)
        answer: Answer = yield _shown(request, token)
        body = request.body
        # A token that has only just been given out is not refused for its age.
        if token.obtained >= started or not _is_refused(answer) or (body is not None and body.spent):
            return answer
        token = yield from self._current(request, token)
        answer = yield _shown(request, token)
        return answer

    def _current(self, request: Request, refused: Token | None) -> Generator[Step, Any, Token]:
        """A token that is good, as far as anybody knows here."""
        while True:
            token = self._token
            if token is not None and _is_good(token, refused):
                return token
            flight = Flight()
            try:
                ahead = self._flights.setdefault(UNDER_WAY, flight)
                if ahead is flight:
                    flight.token = token = yield from self._find(request, refused)
                    return token
            except DeadlineExceeded:
                raise  # the time of this call was up, and the others have theirs
            except HTTPError as error:
                flight.error = error
                raise
            finally:
                # In plain code an interrupt may strike anywhere, and nobody shall wait for what is no more.
                try:
                    self._clear(flight)
                finally:
                    flight.landed.set()
            if ahead.landed.is_set():
                self._clear(ahead)
            yield Wait(ahead.landed)
            if ahead.error is not None:
                mine = copy(ahead.error)
                mine.request = request
                raise mine from ahead.error
            if ahead.token is not None:
                return ahead.token

    def _clear(self, flight: Flight) -> None:
        if self._flights.get(UNDER_WAY) is flight:
            self._flights.pop(UNDER_WAY, None)

    def _find(self, request: Request, refused: Token | None) -> Generator[Step, Any, Token]:
        token, load = self._token, self._load
        if token is None and load is not None:
            stored = yield Call(load)
            self._load = None
            self._token = token = None if stored is None else self.restore(stored)
        if token is not None and _is_good(token, refused):
            return token  # it was stored, or came while this flight was begun
        token, kept = yield from self.obtain(request)
        self._token = token
        if self._save is not None:
            yield Call(self._save, kept)
        return token


def _is_good(token: Token, refused: Token | None) -> bool:
    return token is not refused and time() < token.due


def _is_refused(answer: Answer) -> bool:
    """Whether a server has no other reason than the token (RFC 6750 section 3); many give none at all."""
    if answer.status_code != 401:
        return False
    challenges = challenges_in(answer.headers)
    return {each.parameters.get("error") for each in challenges if each.scheme == "bearer"} <= {None, "invalid_token"}


def _shown(request: Request, token: Token) -> Request:
    request.headers["Authorization"] = f"Bearer {token.value}"
    return request
