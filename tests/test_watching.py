"""Who follows the requests of a client, and what it costs where nobody does."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import courser
from courser.core.deadline import Deadline
from courser.core.exchange import SETTLED
from courser.core.send import Sending
from courser.hosts.inline import InlineHost
from courser.session import Session
from courser.settings import Timeout
from courser.testing import MockTransport
from courser.values.request import Request
from courser.watching import CLOSED_MOST, DEBUG, Watchers

REQUEST = Request("GET", "http://a.example/")


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The logger, as it was afterwards."""
    logger = logging.getLogger("courser")
    level = logger.level
    yield logger
    logger.setLevel(level)
    logging.disable(logging.NOTSET)


def followed(watchers: Watchers, request: Request = REQUEST, responses: Any = None) -> Sending:
    async def exchange(request: Any, sending: Any) -> Any:
        raise NotImplementedError

    sending = Sending(InlineHost(), Deadline(Timeout(), False, 0.0), (), exchange, None, SETTLED)
    watchers.follow(request, sending, responses)
    return sending


def test_nobody_follows() -> None:
    watchers = Watchers(None, None, ())

    assert not watchers.wanted
    sending = followed(watchers)
    assert (sending.deadline.trace, sending.layers, sending.goal) == (None, (), SETTLED)
    watchers.flush()


def test_hooks_are_a_layer_that_sees_whole_responses_where_the_caller_does() -> None:
    watchers = Watchers(None, {"request": [print]}, ())

    assert watchers.wanted
    sending = followed(watchers)
    assert (len(sending.layers), sending.shown, sending.deadline.trace) == (1, None, None)
    assert followed(watchers, REQUEST, Session().responses).shown is not None
    assert watchers.hooks == {"request": [print], "response": []}
    assert watchers.hooks is watchers.hooks


def test_hooks_that_are_asked_for_can_be_filled() -> None:
    watchers = Watchers(None, None, ())

    watchers.hooks["response"].append(print)

    assert watchers.wanted
    assert watchers.hooks["response"] == [print]


def test_a_trace_function_follows_every_call() -> None:
    told: list[Any] = []
    watchers = Watchers(told.append, None, ())

    trace = followed(watchers).deadline.trace
    assert watchers.wanted
    assert trace is not None
    assert trace.lasting
    trace.closed.extend((number, 1.0) for number in range(CLOSED_MOST + 1))
    watchers.flush()
    watchers.flush()

    assert [event.connection for event in told] == list(range(1, CLOSED_MOST + 1))
    again = followed(watchers).deadline.trace
    assert again is not None
    assert again.closed is trace.closed


def test_a_request_may_bring_its_own() -> None:
    watchers = Watchers(None, None, ())

    trace = followed(watchers, Request("GET", "http://a.example/", extensions={"trace": print})).deadline.trace

    assert trace is not None
    assert not trace.lasting
    assert trace.closed == deque()
    with pytest.raises(TypeError, match=r'"trace" is a function of a courser\.TraceEvent, not 5'):
        followed(watchers, Request("GET", "http://a.example/", extensions={"trace": 5}))


def test_the_log_listens_at_debug(logger: logging.Logger) -> None:
    watchers = Watchers(None, None, ())
    assert (watchers.logger, watchers.root) == (logger, logging.getLogger())
    logger.setLevel(logging.INFO)
    assert followed(watchers).deadline.trace is None

    logger.setLevel(logging.DEBUG)
    assert followed(watchers).deadline.trace is not None
    assert followed(watchers).deadline.trace is not None

    logging.disable(logging.DEBUG)
    assert followed(watchers).deadline.trace is None


def test_logging_is_not_imported_for_it() -> None:
    source = str(Path(next(iter(courser.__path__))).parent)
    code = (
        f"import sys; sys.path.insert(0, {source!r}); from courser.watching import Watchers; "
        "made = Watchers(None, None, ()); print('logging' in sys.modules, made.logger); "
        "import logging; made.look(); made.look(); print(made.logger.name)"
    )

    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "None", "courser"]


def test_the_level_is_that_of_logging() -> None:
    assert DEBUG == logging.DEBUG


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_a_client_logs_at_debug_only(logger: logging.Logger, caplog: pytest.LogCaptureFixture, level: int) -> None:
    """WISHES 27: nothing above DEBUG, and no secret at all."""
    transport = MockTransport(
        lambda request: courser.Response(200, headers={"Set-Cookie": "sid=s3cret", "X-Mine": "s3cret"})
    )
    client = courser.Client(transport=transport, sensitive_headers=["X-Mine"], headers={"X-Mine": "s3cret"})

    with caplog.at_level(level, "courser"):
        client.get("http://user:s3cret@a.example/?key=s3cret", headers={"Cookie": "s3cret"})

    assert {record.levelno for record in caplog.records if record.name == "courser"} <= {logging.DEBUG}
    assert [record.getMessage().split()[0] for record in caplog.records if record.name == "courser"] == (
        ["request", "head", "end"] if level == logging.DEBUG else []
    )
    assert "s3cret" not in caplog.text


def test_logging_may_be_turned_on_at_any_time(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    client = courser.Client(transport=MockTransport(lambda request: courser.Response(200)))
    client.get("http://a.example/")
    assert caplog.records == []

    with caplog.at_level(logging.DEBUG):  # the root's
        client.get("http://a.example/")

    assert [record.name for record in caplog.records] == ["courser"] * 3
