"""No text makes a URL do anything but be one, or be refused by its documented errors.

    python tests/fuzz/fuzz_url.py --seconds 60 [--seed 1]

URLs and references of a corpus are mutated, parsed, joined, appended and given parameters. Besides InvalidURL and
UnsupportedScheme, nothing may be raised. Whatever URL comes out has to be read again as the same one by either of the
two ways of parsing, in all its parts; none of them may hold a control character, a space or anything beyond ASCII. A
reference without a host leads nowhere else, one part cannot reach into another, and what is valid stays as it was.
"""

from __future__ import annotations

import random
import re
import sys

from rounds import main

from courser import QueryParams
from courser.errors import InvalidURL, UnsupportedScheme
from courser.values.host import parse_host
from courser.values.reference import bracketed, parse, strip
from courser.values.url import URL, _build, _parse

URLS = [
    "http://example.org/",
    "https://user:secret@example.org:8443/a/b%2Fc/?q=1&q=%20+x#frag%41",
    "https://example.org",
    "ws://[2001:db8::1%25eth0]:80/chat",
    "http://2130706433/../a/%2e%2E/b/./c?",
    "HTTP:\\\\0x7f.1\\a\\..\\b",
    "https://münchen.example:443/straße?ü=ß#ö",
    "http://xn--mnchen-3ya.example/",
    "http://شركة.example./",
    "http://[::ffff:192.0.2.1]/;a=b;c//d",
    "http://a.b-c_d.example:65535/~x/@y/:z/!$&'()*+,;=",
]
REFERENCES = [
    "/absolute/path?x",
    "relative/../other",
    "../../..",
    "?only=query",
    "#only-fragment",
    "//other.example/x",
    "\\\\other.example\\x",
    "http:relative",
    "https:other.example",
    "http://user@other.example:80",
    "",
    ".",
    "/%2e%2e//x",
    "javascript:alert(1)",
    "x:y",
]
PIECES = [
    *"\0\t\n\r \x1f\x7f\x80\x85\u00a0\u2028\u3000\ufeff\ud800\udfff",
    *"/\\?#@:[]%.&=+;|^`{}<>\"'~*",
    *"ßéΣς٣。⒈ﬀ\u0301\u200b\u200d\u00ad\u05d0\u0661\U0001f600",
    "//",
    "..",
    "%2e",
    "%2E%2e",
    "%2F",
    "%5c",
    "%00",
    "%0d%0a",
    "%zz",
    "%25",
    "%F0%9F%98%80",
    "%ff",
    "xn--",
    "xn--a-ecp",
    "XN--MNCHEN-3YA",
    "0x",
    "0x7f",
    "08",
    "256",
    "1.2.3.4.5",
    "[::1]",
    "[::",
    "%25lo",
    ":0",
    ":80",
    ":443",
    ":65536",
    ":00000000080",
    "http:",
    "https://",
    "ws:",
    "ftp://",
    "user:pass@",
    "localhost",
    "a" * 64,
    "a." * 130,
]
UNRESERVED = "abcXYZ019-._~"
PLAIN_PATH = UNRESERVED.replace(".", "") + "!$&'()*+,;=:@/[]|"
PLAIN_QUERY = UNRESERVED + "!$&()*+,;=:@/?[]\\^_`{|}"
PLAIN_FRAGMENT = PLAIN_QUERY.replace("`", "") + "'#"
ESCAPES = ["%2F", "%2f", "%41", "%00", "%0d%0A", "%25", "%", "%%", "%zz", "%ff"]

VISIBLE = re.compile(r"[!-~]*").fullmatch
ELSEWHERE = re.compile(r"[/\\]{2}|[A-Za-z][A-Za-z0-9+.\-]*:").match


def mutate(rng: random.Random, text: str) -> str:
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(6):
            case 0 | 1:
                text = text[:at] + rng.choice(PIECES) + text[at:]
            case 2:
                text = text[:at] + text[at + rng.choice((1, 1, 2, 8)) :]
            case 3:
                text = text[:at] + rng.choice(PIECES) + text[at + rng.choice((1, 2, 4)) :]
            case 4:
                start = rng.randrange(len(text) + 1)
                text = text[:at] + text[start : start + rng.randrange(40)] + text[at:]
            case _:
                text = text[:at] + chr(rng.randrange(0x110000)) + text[at:]
    return text


def some(rng: random.Random, alphabet: str) -> str:
    """A text of which nothing has to be escaped, with escapes good and bad."""
    choices = [*alphabet, *ESCAPES]
    return "".join(rng.choice(choices) for _ in range(rng.randrange(12)))


def seen(url: URL) -> dict[str, object]:
    return {name: getattr(url, name) for name in URL.__mro__[1].__slots__}


def expect(fact: bool, what: str, *witnesses: object) -> None:
    if not fact:
        raise AssertionError(f"{what}: {', '.join(map(ascii, witnesses))}")


def refused(error: InvalidURL | UnsupportedScheme, text: str = "") -> None:
    said = str(error)
    expect(bool(VISIBLE(said.replace(" ", ""))), "an error that cannot be shown", said)
    if strip(text).startswith("https://user:secret@") and text.count("secret") == 1:
        expect("secret" not in said, "an error tells the password", text, said)


def both_ways(text: str) -> URL | None:
    """The URL of a text by the pattern and by the steps, if it is one."""
    found: list[URL | str] = []
    for way in (_parse, lambda text: _build(parse(text))):
        try:
            found.append(way(text))
        except (InvalidURL, UnsupportedScheme) as error:
            refused(error, text)
            found.append(str(error))
    one, other = found
    if isinstance(one, URL) and isinstance(other, URL):
        expect(seen(one) == seen(other), "the two ways differ", text, seen(one), seen(other))
        return one
    expect(one == other, "the two ways differ", text, one, other)
    return None


def sound(url: URL) -> None:
    """What is true of every URL."""
    for name, value in seen(url).items():
        shown = value.decode("latin-1") if isinstance(value, bytes) else str(value).replace("', '", "','")
        expect(name == "origin" or bool(VISIBLE(shown)), f"{name} holds what cannot be sent", url.text, shown)
    expect(url.path[:1] == "/" and url.target[:1] == b"/", "a path without its slash", url.text)
    expect(b"#" not in url.target and not re.search("[?#]", url.path), "a part reaches into another", url.text)
    again = both_ways(url.text)
    expect(again is not None and seen(again) == seen(url), "read again, it is another one", url.text, again)
    expect(parse_host(bracketed(url.host)) == url.host, "read again, the host is another one", url.host)
    expect(url.replace(host=bracketed(url.host)) == url, "put in again, the host is another one", url.text)
    expect(parse_host(bracketed(url.host_unicode)) == url.host, "as people write it, the host is another one", url.host)
    if len(url.raw_password) > 5 and url.raw_password not in url.host + url.path + url.query:
        expect(url.raw_password not in url.redacted(), "the password is shown", url.text)


def led(base: URL, reference: str) -> None:
    """Join and append."""
    stays = not ELSEWHERE(strip(reference))
    for resolve in (base.join, base.append):
        try:
            url = resolve(reference)
        except (InvalidURL, UnsupportedScheme) as error:
            refused(error)
            continue
        sound(url)
        if stays:
            same = url.origin == base.origin and url.credentials == base.credentials
            expect(same, f"{resolve.__name__} leads elsewhere", base.text, reference, url.text)
        elif resolve == base.join and re.match(r"[/\\]{2}", strip(reference)):
            expect(url == URL(f"{base.scheme}:{strip(reference)}"), "not where it says", base.text, reference, url.text)


def kept(rng: random.Random, base: URL) -> None:
    """What is valid stays as it is, where it was put."""
    path, query, fragment = "/" + some(rng, PLAIN_PATH), some(rng, PLAIN_QUERY), some(rng, PLAIN_FRAGMENT)
    root = base.text[: base.text.index("/", len(base.scheme) + 3)]
    url = URL(f"{root}{path}?{query}#{fragment}")
    changed = base.replace(path=path, query=query, fragment=fragment)
    for one in (url, changed):
        found = one.path, one.query, one.fragment
        expect(found == (path, query, fragment), "not as it was given", (path, query, fragment), found)
        expect(one.origin == base.origin, "another origin", base.text, one.text)


def replaced(rng: random.Random, base: URL, text: str) -> None:
    """One part is another, the others are what they were."""
    name = rng.choice(("username", "password", "path", "query", "fragment"))
    try:
        url = base.replace(**{name: text})
    except (InvalidURL, UnsupportedScheme) as error:
        refused(error)
        return
    sound(url)
    touched = {name.replace("user", "raw_user").replace("pass", "raw_pass"), "text"}
    touched |= {"target"} if name in ("path", "query") else set()
    others = [{key: value for key, value in seen(one).items() if key not in touched} for one in (base, url)]
    expect(others[0] == others[1], f"the {name} reaches into another part", base.text, text, url.text)


def given(rng: random.Random, base: URL, text: str) -> None:
    """Parameters come back as they were, behind what was there."""
    pairs = [(mutate(rng, "name"), text), (text, mutate(rng, "a=b&c d+e%20"))]
    try:
        url = base.with_params(pairs)
    except InvalidURL as error:
        refused(error)
        return
    sound(url)
    expect(QueryParams(url.query).multi_items()[-2:] == pairs, "parameters do not come back", pairs, url.query)
    expect(url.query.startswith(base.query), "the query is not what it was", base.text, url.text)
    same = (url.origin, url.path, url.fragment) == (base.origin, base.path, base.fragment)
    expect(same, "more than a query", base.text, url.text)
    for encoded in (text.encode("utf-8"), text):
        sound(base.with_params(encoded))


def check(rng: random.Random) -> None:
    base = URL(rng.choice([text for text in URLS if text[:1].islower()]))
    text = mutate(rng, rng.choice(URLS))
    url = both_ways(text)
    if url is not None:
        sound(url)
        expect(base.join(url.text) == url, "an absolute reference leads elsewhere", base.text, url.text)
        base = url
    reference = mutate(rng, rng.choice(REFERENCES))
    led(base, reference)
    kept(rng, base)
    replaced(rng, base, reference)
    given(rng, base, reference)


if __name__ == "__main__":
    sys.exit(main("url", check))
