"""No answer of a proxy is any other error than ProxyError, and how it was cut into reads makes no difference.

    python tests/fuzz/fuzz_links.py --seconds 60 [--seed 1]

Conversations with SOCKS servers and HTTP proxies are mutated and fed whole, byte by byte, and cut at random. Each way
has to open at the same byte, having said the same to the proxy, or to fail with the same words; what is left over is
what followed, and nothing grows beyond what the protocol has. Values of NO_PROXY and of the proxy
variables are mutated too: nothing in them is an error but that of a proxy's own URL.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

from rounds import main, mutate

from courser.engines.links.opening import Opening
from courser.engines.links.socks import Socks4, Socks5
from courser.engines.links.tunnel import REFUSAL_MOST, Tunnel
from courser.errors import HTTPError, InvalidRequest, InvalidURL, ProxyError, UnsupportedScheme
from courser.policies.noproxy import NoProxy
from courser.values.proxy import Proxy

ENGINES: list[Callable[[], Opening]] = [
    lambda: Socks4("a.example", 443, b"me"),
    lambda: Socks4(b"\1\2\3\4", 80),
    lambda: Socks5("a.example", 443),
    lambda: Socks5(bytes(16), 443, (b"me", b"secret")),
    lambda: Tunnel(b"a.example:443", b"X-Id: 1\r\n"),
]
ANSWERS = [
    b"\0\x5a" + bytes(6),
    b"\0\x5b" + bytes(6),
    b"\5\0" + b"\5\0\0\1" + bytes(6),
    b"\5\0" + b"\5\0\0\4" + bytes(18),
    b"\5\2\1\0" + b"\5\0\0\3\x05hello\0\1",
    b"\5\xff",
    b"HTTP/1.0 200 Connection established\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: 1.1 x\r\n\r\n",
    b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 4\r\n\r\nwho?",
    b"HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n",
    b"HTTP/1.1 403 No\r\n\r\n" + b"x" * (REFUSAL_MOST + 100),
]
PIECES = [*[bytes((byte,)) for byte in b"\0\1\2\3\4\5\x5a\xff \r\n:,"], b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\5\0"]
TIMES = (0, 0, 1, 1, 2, 4)

ENTRIES = ["example.org", "*.example.org:8080", ".b", "*", "10.0.0.0/8", "[::1]:80", "2001:db8::/32", "::ffff:1.2.3.4"]
LETTERS = " \t,.:/*[]%@#?\0\x7f0123456789abcdefghijk-_éß\u2028\ud800"
PROXIES = ["http://u:p%40@h.example:3128/", "socks5h://[::1]:1080", "h:1", "https://h", "socks4a://u@1.2.3.4"]


def talk(make: Callable[[], Opening], pieces: list[bytes]) -> tuple[object, ...]:
    """What comes of a conversation: what was said, how it ended, what was left over."""
    opening = make()
    said = opening.outgoing()
    try:
        for piece in pieces:
            opening.receive(piece)
            said += opening.outgoing()
        if not opening.done:
            opening.receive(b"")
    except ProxyError as error:
        answer = error.response
        if answer is None:
            return error.detail, None
        if len(answer.content) > REFUSAL_MOST:
            raise AssertionError(f"a body of {len(answer.content)} bytes was kept") from error
        return error.detail, answer.status_code, answer.headers.raw
    if not opening.done:
        raise AssertionError("the end was taken for nothing")
    return said, "open", opening.leftover


def check_openings(rng: random.Random) -> None:
    make = rng.choice(ENGINES)
    data = mutate(rng, rng.choice(ANSWERS), PIECES, TIMES) + rng.choice((b"", b"", b"from the far end"))
    single = [data[at : at + 1] for at in range(len(data))] if len(data) < 2000 else [data[:999], data[999:]]
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    cut = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    whole = talk(make, [data] if data else [])
    for pieces in (single, [piece for piece in cut if piece]):
        found = talk(make, pieces)
        if found != whole:
            raise AssertionError(f"cuts matter: {data[:300]!r}: {whole!r} is not {found!r}")


def garble(rng: random.Random, text: str) -> str:
    for _ in range(rng.choice((0, 1, 2, 4))):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice((rng.choice(LETTERS), "", rng.choice(ENTRIES))) + text[at + rng.randrange(2) :]
    return text


def check_variables(rng: random.Random) -> None:
    text = ",".join(garble(rng, rng.choice(ENTRIES)) for _ in range(3))
    for host in ("example.org", "a.example.org.", "10.1.2.3", "::1", "fe80::1%eth0", garble(rng, "example.org")):
        found = NoProxy(text).find(host, 80)
        if found is not None and found not in text:
            raise AssertionError(f"{found!r} was never in {text!r}")
    url = garble(rng, rng.choice(PROXIES))
    try:
        proxy = Proxy(url)
    except (InvalidURL, InvalidRequest, UnsupportedScheme):
        return
    except HTTPError as error:
        raise AssertionError(f"{url!r}: {error!r}") from error
    if Proxy(proxy.url).url != proxy.url:
        raise AssertionError(f"{url!r}: {proxy.url} is read as another one")


def check(rng: random.Random) -> None:
    check_openings(rng)
    check_variables(rng)


if __name__ == "__main__":
    sys.exit(main("links", check))
