"""No Set-Cookie field is an error, and whatever becomes a cookie stays where it belongs.

    python tests/fuzz/fuzz_cookies.py --seconds 60 [--seed 1]

Fields of a corpus are mutated and received from several hosts, open and encrypted. Nothing may be raised. What is sent
then is made of bytes that were received, goes to the host that set it or below the domain that it named, holds nothing
that could end the field, and is not more than the limits say. Saved and loaded, a jar is the same one.
"""

from __future__ import annotations

import random
import re
import sys

from rounds import main

from courser import Cookies
from courser.values.cookies.files import FORMATS, read
from courser.values.cookies.header import MOST
from courser.values.cookies.rules import is_confidential
from courser.values.cookies.store import PER_DOMAIN
from courser.values.url import URL

LINES = [
    b"sid=abc; Path=/; HttpOnly; SameSite=Lax",
    b"a=1; Domain=example.org; Max-Age=100",
    b"b=2; Domain=.www.example.org; Expires=Wed, 09 Jun 2100 10:18:14 GMT",
    b'__Host-x="q u,o\\054ted"; Secure; Path=/; Partitioned',
    b"__Secure-y={json:1}; Secure; Domain=example.org",
    b"\xc3\xa9=\xe9\xff; Path=/p/q",
    b"c=; Max-Age=0",
    b"d",
    b"=e",
    b"g=h=i; Domain=org; Path=/p; Domain=",
]
PIECES = [
    *[bytes((byte,)) for byte in b'\0\t\n\r\x1f\x7f\x80\xff ;=,"\\/.%'],
    b"; Secure",
    b";\tsecure\t=",
    b"; HttpOnly",
    b"; SameSite=None",
    b"; Path=/p",
    b"; Path=",
    b"; Domain=example.org",
    b"; Domain=co.uk",
    b"; Domain=127.0.0.1",
    b"; Domain=localhost.",
    b"; Max-Age=-1",
    b"; Max-Age=" + b"9" * 30,
    b"; Expires=Thu, 01-Jan-1970 00:00:01 GMT",
    b"; Expires=31 Dec 9999 23:59:59",
    b"__Host-",
    b"__SECURE-",
    b"x" * 4090,
    b"x" * 1020,
]
URLS = [
    URL(text)
    for text in (
        "https://www.example.org/p/q/r",
        "http://www.example.org/p",
        "http://example.org/",
        "https://evil-example.org/",
        "https://a.www.example.org/p/",
        "http://shop.example.co.uk/",
        "http://127.0.0.1/p",
        "http://[::1]/",
        "http://localhost/p/q",
        "http://example.org./",
    )
]
BREAKING = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


def mutate(rng: random.Random, line: bytes) -> bytes:
    for _ in range(rng.choice((0, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(line) + 1)
        match rng.randrange(4):
            case 0 | 1:
                line = line[:at] + rng.choice(PIECES) + line[at:]
            case 2:
                line = line[:at] + line[at + rng.choice((1, 1, 2, 8)) :]
            case _:
                line = line[:at] + rng.randbytes(rng.choice((1, 1, 4))) + line[at:]
    return line


def expect(fact: bool, what: str, *witnesses: object) -> None:
    if not fact:
        raise AssertionError(f"{what}: {', '.join(map(ascii, witnesses))}")


def belongs(domain: str, setters: set[str]) -> bool:
    """Whether a domain is that of a host that has set cookies, or above it."""
    return any(host == domain or host.endswith("." + domain) for host in setters)


def sound(jar: Cookies, url: URL, received: list[bytes], setters: set[str]) -> None:
    """What is true of everything that is sent."""
    field = jar.header(url).encode("utf-8", "surrogateescape")
    expect(BREAKING(field) is None, "a field that cannot be sent", field)
    expect(len(field) <= MOST, "a field that is too long", len(field))
    everything = b"\n".join(received)
    for pair in filter(None, field.split(b"; ")):
        name, _, value = pair.partition(b"=")
        expect(name.strip(b" \t") in everything and value in everything, "bytes that nobody has set", pair)
    for cookie in jar.records():
        sent = f"{cookie.name}={cookie.value}".encode("utf-8", "surrogateescape")
        expect(belongs(cookie.domain, setters), "a cookie of nobody's", cookie, setters)
        expect(cookie.domain not in ("org", "uk", "co.uk", "org."), "a cookie for a suffix", cookie)
        mine = url.host == cookie.domain or (not cookie.host_only and url.host.endswith("." + cookie.domain))
        if sent in field.split(b"; ") and not mine:
            others = [other for other in jar.records(cookie.name) if other.value == cookie.value and other != cookie]
            expect(bool(others), "a cookie at the wrong host", cookie, url.text)
        if cookie.secure and mine and not is_confidential(url):
            twins = [other for other in jar.records(cookie.name) if not other.secure]
            expect(bool(twins) or sent not in field.split(b"; "), "a secure cookie in the open", cookie, url.text)
        if cookie.name.lower().startswith("__host-"):
            expect(cookie.secure and cookie.host_only and cookie.path == "/", "a broken promise", cookie)


def check(rng: random.Random) -> None:
    jar = Cookies()
    received: list[bytes] = []
    setters: set[str] = set()
    for _ in range(rng.choice((1, 2, 3))):
        url = rng.choice(URLS)
        lines = [mutate(rng, rng.choice(LINES)) for _ in range(rng.choice((1, 2, 4, 70)))]
        jar.receive(url, lines)
        received += lines
        setters.add(url.host)
        sound(jar, rng.choice(URLS), received, setters)
    for site in jar.store.sites.values():
        expect(len(site) <= PER_DOMAIN, "too many cookies of a domain", len(site))
    for layout in FORMATS.values():
        again = Cookies(read(layout(jar.records())))
        expect(again == jar and again.records() == jar.records(), "loaded, it is another jar", jar, again)


if __name__ == "__main__":
    sys.exit(main("cookies", check))
