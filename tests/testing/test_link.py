"""A link in memory: what the client receives and sends, when its bell rings, and each fault at its byte."""

from __future__ import annotations

import errno
import select
from collections.abc import Callable, Iterator

import pytest

from courser.testing.link import CALM, Conditions, Fault, MemoryLink


class Peer:
    """A far end that takes notes."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.events: list[str] = []

    def take(self, data: bytes) -> None:
        self.heard.append(data)

    def drained(self) -> None:
        self.events.append("drained")

    def gone(self) -> None:
        self.events.append("gone")


@pytest.fixture
def make() -> Iterator[Callable[..., tuple[MemoryLink, Peer]]]:
    links: list[MemoryLink] = []

    def one(conditions: Conditions = CALM, encrypted: bool = False) -> tuple[MemoryLink, Peer]:
        link, peer = MemoryLink(conditions, encrypted), Peer()
        link.connect(peer)
        links.append(link)
        return link, peer

    yield one
    for link in links:
        link.close()


def polled(link: MemoryLink) -> set[str]:
    """What a poll object says of a link."""
    readable, writable, _ = select.select([link], [link], [], 0)
    return {"read"} & ({"read"} if readable else set()) | ({"write"} if writable else set())


def received(link: MemoryLink, size: int = 100) -> list[bytes | str]:
    """All that the link gives, and how it goes on after that."""
    found: list[bytes | str] = []
    while True:
        try:
            piece = link.receive(size)
        except BlockingIOError:
            return [*found, "nothing"]
        except OSError as error:
            return [*found, errno.errorcode[error.errno or 0]]
        found.append(piece)
        if not piece:
            return found


def test_a_fresh_link_can_be_written_and_has_nothing_to_read(make: Callable[..., tuple[MemoryLink, Peer]]) -> None:
    link, _ = make()

    assert (polled(link), received(link)) == ({"write"}, ["nothing"])
    assert (link.encrypted, link.alpn, link.session, link.wants_write) == (False, None, None, False)
    assert link.info() == {"peer": "memory", "local": "memory"}
    assert repr(link) == "<MemoryLink open, 0 bytes sent, 0 received>"


def test_what_is_given_is_received_and_the_bell_falls_silent(make: Callable[..., tuple[MemoryLink, Peer]]) -> None:
    link, peer = make()

    link.give(b"abcd")
    link.give(b"e")
    assert (polled(link), link.waiting) == ({"read", "write"}, 5)

    assert link.receive(3) == b"abc"
    assert (polled(link), link.waiting, link.received) == ({"read", "write"}, 2, 3)

    assert received(link) == [b"d", b"e", "nothing"]
    assert (polled(link), link.waiting, link.received) == ({"write"}, 0, 5)
    assert peer.events == ["drained"] * 3


def test_nothing_given_is_nothing(make: Callable[..., tuple[MemoryLink, Peer]]) -> None:
    link, _ = make()

    link.give(b"")

    assert polled(link) == {"write"}


def test_what_is_sent_is_taken(make: Callable[..., tuple[MemoryLink, Peer]]) -> None:
    link, peer = make()

    assert (link.send(b"abc"), link.send(memoryview(b"de"))) == (3, 2)
    assert (peer.heard, link.sent) == ([b"abc", b"de"], 5)


def test_a_link_without_a_peer_takes_and_gives_all_the_same() -> None:
    link = MemoryLink(encrypted=True)
    link.give(b"a")

    assert (link.send(b"abc"), link.receive(1), link.encrypted) == (3, b"a", True)
    link.close()


def test_pieces_may_be_small_both_ways(make: Callable[..., tuple[MemoryLink, Peer]]) -> None:
    link, peer = make(Conditions(piece=1, take=2))

    link.give(b"abc")

    assert received(link) == [b"a", b"b", b"c", "nothing"]
    assert (link.send(b"abc"), peer.heard) == (2, [b"ab"])


@pytest.mark.parametrize(("way", "end"), [("end", b""), ("reset", "ECONNRESET")])
def test_an_end_comes_after_the_bytes(make: Callable[..., tuple[MemoryLink, Peer]], way: str, end: bytes | str) -> None:
    link, _ = make()
    link.give(b"ab")

    getattr(link, way)()
    getattr(link, way)()
    link.give(b"too late")

    assert received(link) == [b"ab", end]
    assert polled(link) == {"read", "write"}
    assert repr(link) == "<MemoryLink ended, 0 bytes sent, 2 received>"
    with pytest.raises(BrokenPipeError if way == "end" else ConnectionResetError):
        link.send(b"x")


def test_a_link_that_is_choked_takes_nothing_until_it_is_relieved(
    make: Callable[..., tuple[MemoryLink, Peer]],
) -> None:
    link, peer = make()

    link.choke()
    link.choke()
    assert polled(link) == set()
    with pytest.raises(BlockingIOError):
        link.send(b"x")

    link.relieve()
    link.relieve()
    assert polled(link) == {"write"}
    assert (link.send(b"x"), peer.heard) == (1, [b"x"])


@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize(("what", "end"), [("close", b""), ("reset", "ECONNRESET"), ("silence", "nothing")])
def test_a_fault_strikes_what_comes_in_at_its_byte(
    make: Callable[..., tuple[MemoryLink, Peer]], after: int, what: str, end: bytes | str
) -> None:
    link, _ = make(Conditions(incoming=Fault(after, what)))  # type: ignore[arg-type]

    for byte in b"abcdefg":
        link.give(bytes([byte]))

    *pieces, last = received(link)
    assert (b"".join(piece for piece in pieces if isinstance(piece, bytes)), last) == (b"abcdefg"[:after], end)


@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize(
    ("what", "error", "end"),
    [
        ("close", BrokenPipeError, b""),
        ("reset", ConnectionResetError, "ECONNRESET"),
        ("silence", BlockingIOError, "nothing"),
    ],
)
def test_a_fault_strikes_what_goes_out_at_its_byte(
    make: Callable[..., tuple[MemoryLink, Peer]],
    after: int,
    what: str,
    error: type[OSError],
    end: bytes | str,
) -> None:
    link, peer = make(Conditions(outgoing=Fault(after, what)))  # type: ignore[arg-type]

    assert after == 0 or link.send(b"abcdefg") == after
    with pytest.raises(error):
        link.send(b"hi")

    assert (b"".join(peer.heard), received(link)) == (b"abcdefg"[:after], [end])


def test_the_far_end_hears_of_a_close_once(make: Callable[..., tuple[MemoryLink, Peer]]) -> None:
    link, peer = make()
    link.finish()
    assert peer.events == []

    link.close()
    link.close()

    assert (peer.events, link.closed, link.fileno()) == (["gone"], True, -1)
    assert repr(link) == "<MemoryLink closed, 0 bytes sent, 0 received>"


def test_nothing_happens_to_a_closed_link(make: Callable[..., tuple[MemoryLink, Peer]]) -> None:
    link, _ = make()
    link.close()

    for act in (link.end, link.reset, link.choke, link.relieve, link.flush):
        act()
    link.give(b"x")

    assert (link.waiting, link.closed) == (0, True)


def test_a_poll_object_that_knows_the_bell_hears_of_the_close_first(
    make: Callable[..., tuple[MemoryLink, Peer]],
) -> None:
    link, _ = make()
    released: list[int] = []
    link.attach(lambda sock: released.append(sock.fileno()))
    link.listen(None)
    link.want(1)

    link.close()
    link.close()

    assert len(released) == 1
    assert released[0] >= 0
