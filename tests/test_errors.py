"""The tree of errors is as drawn; every error has a text, pickles, and tells no secret."""

from __future__ import annotations

import builtins
import copy
import pickle
import re
from types import SimpleNamespace
from typing import Any

import pytest

from courser import errors
from courser.errors import (
    ConnectionClosed,
    ConnectTimeout,
    DecodingError,
    EventStreamError,
    HandshakeRefused,
    HTTPError,
    InvalidRequest,
    InvalidURL,
    ReadTimeout,
    StatusError,
    TransportError,
    TruncatedBody,
)
from courser.values.response import Response
from courser.values.url import URL

CLASSES: list[type[HTTPError]] = [getattr(errors, name) for name in errors.__all__]

every_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def drawn() -> list[tuple[str, str, list[str]]]:
    """What the module's docstring draws: class, the class above it, builtin bases."""
    text = errors.__doc__
    assert text is not None
    rows: list[tuple[str, str, list[str]]] = []
    above = {0: "HTTPError"}
    pending: list[int] = []
    for line in text.splitlines():
        branch = re.match(r"    ([| -]*)([A-Z]\w+)", line)
        if branch is None:
            continue
        depth = len(branch[1]) // 3
        chains = re.findall(r"\b[A-Z]\w+(?: - [A-Z]\w+)?", line)
        names = [chain.split(" - ") for chain in chains if chain.split(" - ")[0] in errors.__all__]
        for first, *below in names:
            pending.append(len(rows))
            rows.append((first, above[depth - 1] if depth else "HTTPError", []))
            rows.extend((name, first, []) for name in below)
            above[depth] = first
        also = re.search(r"\(also (\w+)\)", line)
        if also:
            for index in pending:
                rows[index][2].append(also[1])
        if not line.rstrip().endswith(","):
            pending = []
    return rows


def test_the_drawing_holds_every_class_once() -> None:
    assert sorted(name for name, _, _ in drawn()) == sorted(errors.__all__)
    assert len(CLASSES) == len({*CLASSES})
    defined = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, HTTPError)}
    assert defined == {*errors.__all__}


@pytest.mark.parametrize(("name", "parent", "also"), drawn())
def test_the_tree_is_as_drawn(name: str, parent: str, also: list[str]) -> None:
    cls = getattr(errors, name)
    assert issubclass(cls, getattr(errors, parent))
    for base in also:
        assert issubclass(cls, getattr(builtins, base))


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("InvalidURL", (ValueError,)),
        ("UnsupportedScheme", (ValueError,)),
        ("InvalidRequest", (ValueError,)),
        ("MissingExtra", (ImportError,)),
        ("JSONError", (ValueError, DecodingError)),
        ("TruncatedCoding", (DecodingError,)),
        ("StreamConsumed", (RuntimeError,)),
        ("StreamClosed", (RuntimeError,)),
        ("ClientClosed", (RuntimeError,)),
        ("NoAsyncHost", (RuntimeError,)),
        ("RequestTimeout", (TimeoutError, OSError)),
        ("ConnectTimeout", (TimeoutError,)),
        ("ReadTimeout", (TimeoutError,)),
        ("WriteTimeout", (TimeoutError,)),
        ("PoolTimeout", (TimeoutError,)),
        ("DeadlineExceeded", (TimeoutError,)),
        ("ConnectError", (ConnectionError,)),
        ("CertificateError", (ConnectionError,)),
        ("ReadError", (ConnectionError,)),
        ("WriteError", (ConnectionError,)),
    ],
)
def test_generic_code_catches_them_by_builtin_bases(name: str, bases: tuple[type, ...]) -> None:
    for base in bases:
        assert issubclass(getattr(errors, name), base)


@every_class
def test_each_can_be_made_of_nothing_and_says_something(cls: type[HTTPError]) -> None:
    error = cls()
    assert str(error)
    assert repr(error) == f"<{cls.__name__}: {error}>"
    assert cls.__doc__


@every_class
def test_facts_are_given_by_keyword(cls: type[HTTPError]) -> None:
    make: Any = cls
    with pytest.raises(TypeError):
        make("a message")
    error = cls(detail="what", hint="what to do")
    code = "1006" if cls is errors.ConnectionClosed else ""
    assert str(error) == f"{cls.summary}: {code and '1006, '}what (what to do)"
    assert str(cls(hint="what to do")) == f"{cls.summary}{code and ': 1006'} (what to do)"


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, "1006"),
        ({"code": 1000}, "1000"),
        ({"code": 4000, "reason": "enough"}, "4000, enough"),
        ({"code": 1002, "detail": "a masked frame"}, "1002, a masked frame"),
        ({"code": 1001, "reason": "going", "detail": "down"}, "1001, going, down"),
    ],
)
def test_a_websocket_that_is_closed_says_with_what(facts: Any, text: str) -> None:
    assert str(errors.ConnectionClosed(**facts)) == f"{errors.ConnectionClosed.summary}: {text}"


def _request() -> Any:
    return SimpleNamespace(method="GET", url=URL("https://user:hunter2@example.org/path?key=hunter2"))


@every_class
@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_each_pickles_with_all_its_facts(cls: type[HTTPError], protocol: int) -> None:
    error: Any = cls(detail="what", hint="what to do", request=_request())
    for name in vars(error):
        if name not in ("detail", "hint", "request"):
            setattr(error, name, f"a {name}")
    error.add_note("a note")
    thawed = pickle.loads(pickle.dumps(error, protocol))
    assert type(thawed) is cls
    assert str(thawed) == str(error)
    assert vars(thawed) == vars(error)
    assert vars(copy.copy(error)) == vars(error)


@every_class
def test_no_secret_of_the_request_is_shown(cls: type[HTTPError]) -> None:
    error = cls(detail="what", request=_request())
    assert "[GET https://" in str(error)
    assert "example.org" in str(error)
    assert "hunter2" not in str(error) + repr(error)


@pytest.mark.parametrize("cls", [StatusError, EventStreamError, HandshakeRefused])
def test_errors_about_a_response_have_it(cls: Any) -> None:
    response = Response(404, text="why")
    error = cls(response=response)
    assert error.response is response
    assert pickle.loads(pickle.dumps(error)).response.text == "why"
    assert not hasattr(cls(), "response")


def test_errors_that_carry_more() -> None:
    assert DecodingError(partial=b"abc").partial == b"abc"
    closed = ConnectionClosed(code=1001, reason="bye")
    assert (closed.code, closed.reason, ConnectionClosed().code) == (1001, "bye", 1006)
    cut = TruncatedBody(partial=b"abc", detail="what", bytes_received=3)
    assert (cut.partial, cut.bytes_received, cut.detail) == (b"abc", 3, "what")
    failed = ReadTimeout(phase="read", bytes_sent=1, bytes_received=2, retryable=True)
    assert (failed.phase, failed.bytes_sent, failed.bytes_received, failed.retryable) == ("read", 1, 2, True)
    plain = TransportError()
    assert (plain.phase, plain.bytes_sent, plain.bytes_received, plain.retryable) == ("", 0, 0, False)


def test_causes_and_builtin_handlers_work() -> None:
    with pytest.raises(TimeoutError) as caught:
        raise ConnectTimeout(detail="after 10 s") from OSError("why")
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(ValueError, match="invalid URL: no host"):
        raise InvalidURL(detail="no host")
    with pytest.raises(HTTPError):
        raise InvalidRequest
