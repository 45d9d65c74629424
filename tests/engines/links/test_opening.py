"""What the engines that ask for a way through a proxy have in common."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from courser.engines.links.opening import Opening
from courser.engines.links.socks import Socks4, Socks5
from courser.engines.links.tunnel import Tunnel

OPENINGS: dict[str, tuple[Callable[[], Opening], list[bytes]]] = {
    "CONNECT": (lambda: Tunnel(b"a:1"), [b"HTTP/1.1 200 OK\r\n\r\n"]),
    "SOCKS 4": (lambda: Socks4("a", 1), [b"\0\x5a" + bytes(6)]),
    "SOCKS 5": (lambda: Socks5("a", 1), [b"\5\0", b"\5\0\0\1" + bytes(6)]),
}


@pytest.mark.parametrize("name", OPENINGS)
def test_each_is_asked_in_the_same_way(name: str) -> None:
    make, answers = OPENINGS[name]
    opening = make()

    for answer in answers:
        assert not opening.done
        assert opening.outgoing()
        opening.receive(answer)
    assert opening.done
    opening.receive(b"far end")
    assert (opening.outgoing(), opening.leftover, opening.late()) == (b"", b"far end", None)
