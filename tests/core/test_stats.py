"""Counts of connections, in all and by origin."""

from __future__ import annotations

import threading
from typing import Any

from courser.core.pool import Pool
from courser.core.route import Route, TLSPolicy
from courser.core.stats import counts
from courser.settings import Limits

ONE, OTHER = Route("http", "a.example", 80), Route("https", "::1", 443, tls=TLSPolicy())
AGAIN = OTHER._replace(local_address=("127.0.0.1", 0))


def pool() -> Pool[Any]:
    return Pool(Limits(max_connections=3), threading.Lock, lambda waiter: waiter.complete(), False)


def test_nothing_is_counted_where_nothing_is() -> None:
    made = pool()
    made.lane(ONE)

    assert counts([made], False) == {"connections": 0, "idle": 0}
    assert counts([made], True) == {}


def test_routes_to_one_origin_count_together() -> None:
    first, second = pool(), pool()
    permits = [first.open(first.lane(ONE)), first.open(first.lane(OTHER)), first.open(first.lane(AGAIN))]
    permits.append(second.open(second.lane(OTHER)))
    ticket = first.queue(first.lane(ONE))

    assert None not in permits
    assert counts(iter([first, second]), False) == {"connections": 4, "idle": 0}
    assert counts([first, second], True) == {
        "http://a.example:80": {"connections": 1, "idle": 0, "waiting": 1},
        "https://[::1]:443": {"connections": 3, "idle": 0, "waiting": 0},
    }
    first.leave_queue(ticket, first.lane(ONE))
