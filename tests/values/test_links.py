"""Links are read as RFC 8288 has them, and as servers send them."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.values.links import parse_links
from courser.values.url import URL

BASE = URL("https://api.example/items?page=2#here")

CASES = [
    ("", []),
    ('<https://a.example/x>; rel="next"', [{"url": "https://a.example/x", "rel": "next"}]),
    ("<https://a.example/x>;rel=next", [{"url": "https://a.example/x", "rel": "next"}]),
    ("</x>", [{"url": "https://api.example/x"}]),
    ("<?page=3>; rel=next", [{"url": "https://api.example/items?page=3", "rel": "next"}]),
    ("<>; rel=self", [{"url": "https://api.example/items?page=2", "rel": "self"}]),
    ("<//b.example>; rel=x", [{"url": "https://b.example/", "rel": "x"}]),
    ("< /x >; rel=x", [{"url": "https://api.example/x", "rel": "x"}]),
    ("<mailto:me@a.example>; rel=author", [{"url": "mailto:me@a.example", "rel": "author"}]),
    ("<http://[>; rel=x", [{"url": "http://[", "rel": "x"}]),
    ("</a,b;c>; rel=x", [{"url": "https://api.example/a,b;c", "rel": "x"}]),
    (
        "</a>; rel=x, </b>; rel=y",
        [{"url": "https://api.example/a", "rel": "x"}, {"url": "https://api.example/b", "rel": "y"}],
    ),
    (
        " , </a> ;\trel = x ,,\t</b> ; rel\t=\ty ",
        [{"url": "https://api.example/a", "rel": "x"}, {"url": "https://api.example/b", "rel": "y"}],
    ),
    ("</a>; rel=x; REL=y", [{"url": "https://api.example/a", "rel": "x"}]),
    ('</a>; title="a, \\"b\\"; c"', [{"url": "https://api.example/a", "title": 'a, "b"; c'}]),
    ("</a>; title=plain; title*=UTF-8''%e2%82%ac", [{"url": "https://api.example/a", "title": "€"}]),
    ("</a>; title*=UTF-8''%e2%82%ac; title=plain", [{"url": "https://api.example/a", "title": "€"}]),
    ("</a>; title*=UTF-8''%e2; title=plain", [{"url": "https://api.example/a", "title": "plain"}]),
    ("</a>; title*", [{"url": "https://api.example/a"}]),
    ("</a>; crossorigin; as=style", [{"url": "https://api.example/a", "crossorigin": "", "as": "style"}]),
    ("</a>;;; =y; rel=x;", [{"url": "https://api.example/a", "rel": "x"}]),
    ("</a>; url=evil; rel=x", [{"url": "https://api.example/a", "rel": "x"}]),
    ('</a>; rel="x"junk; as=y', [{"url": "https://api.example/a", "rel": "x", "as": "y"}]),
    (
        "</a> junk; rel=x, </b>; rel=y",
        [{"url": "https://api.example/a"}, {"url": "https://api.example/b", "rel": "y"}],
    ),
    ('</a>; rel="x, </b>; rel=y', [{"url": "https://api.example/a", "rel": "x, </b>; rel=y"}]),
    ("</a>; rel=x, junk, </b>; rel=y", [{"url": "https://api.example/a", "rel": "x"}]),
    ("junk", []),
    ("</a", []),
]


@pytest.mark.parametrize(("value", "links"), CASES)
def test_every_link_of_a_value(value: str, links: list[dict[str, str]]) -> None:
    assert parse_links([value], BASE).all == links


def test_links_by_their_relation() -> None:
    links = parse_links(['</3>; rel="next", </9>; rel=LAST', "</1>; rel='x'", '</1>; rel="first  Prev"'], BASE)

    assert links["next"]["url"] == "https://api.example/3"
    assert {relation: link["url"] for relation, link in links.items()} == {
        "next": "https://api.example/3",
        "last": "https://api.example/9",
        "'x'": "https://api.example/1",
        "first": "https://api.example/1",
        "prev": "https://api.example/1",
    }


def test_of_one_relation_there_may_be_several() -> None:
    links = parse_links(["</a.css>; rel=preload, </b.css>; rel=preload"], BASE)

    assert links["preload"]["url"] == "https://api.example/a.css"
    assert [link["url"] for link in links.all] == ["https://api.example/a.css", "https://api.example/b.css"]


def test_what_speaks_of_another_resource_is_not_the_response_s() -> None:
    """RFC 8288 section 3.2."""
    links = parse_links(["</3>; rel=next; anchor=/other", "</4>; rel=next", '</5>; rel=up; anchor="?page=2"'], BASE)

    assert (links["next"]["url"], links["up"]["url"]) == ("https://api.example/4", "https://api.example/5")
    assert links.all[0] == {"url": "https://api.example/3", "rel": "next", "anchor": "https://api.example/other"}


def test_without_a_base_links_stay_as_they_are() -> None:
    links = parse_links(["</3>; rel=next; anchor=x", "</4>; rel=up"], None)

    assert (links["up"]["url"], links.all[0]["url"]) == ("/4", "/3")
    assert "next" not in links


def test_links_pickle() -> None:
    links = parse_links(["</3>; rel=next"], BASE)
    made = pickle.loads(pickle.dumps(links))

    assert (made, made.all) == (links, links.all)


@given(st.text("<>;,=\"\\ \t*%arelnxt/:'", max_size=80))
def test_no_value_is_too_odd(value: str) -> None:
    for link in parse_links([value], BASE).all:
        assert all(type(each) is str for each in link.values())


@pytest.mark.parametrize("part", ["<", "<>", ";", "<>;", ",", '<>;a="', '<>;a="\\', "<>;a=b", "<>,", '";', "; a*="])
def test_a_hostile_value_is_read_once(part: str) -> None:
    """In quadratic time this would take a minute."""
    parse_links([part * 100_000, "<>" + part * 100_000], None)
