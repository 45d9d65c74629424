"""values/cookies/header.py: the Cookie field."""

from __future__ import annotations

import pytest

from courser.values.cookies.header import MOST, cookie_field, joined, names_in
from courser.values.cookies.record import Cookie


def cookies(*pairs: str) -> list[Cookie]:
    return [Cookie(*pair.split("=", 1)) for pair in pairs]


def test_cookies_stand_as_they_are() -> None:
    assert joined([]) == b""
    assert joined(cookies("a=1", 'b="x, y"', "c=")) == b'a=1; b="x, y"; c='
    assert joined([Cookie("é", "\udce9")]) == b"\xc3\xa9=\xe9"


@pytest.mark.parametrize(
    ("field", "names"),
    [(b"a=1", ["a"]), (b"a=1;b=2 ; c", ["a", "b", "c"]), (b" \xe9 = x;", ["\udce9", ""])],
)
def test_names_in_a_field(field: bytes, names: list[str]) -> None:
    assert names_in(field) == names


@pytest.mark.parametrize(
    ("hand", "general", "stored", "field"),
    [
        (b"", [], [], b""),
        (b"a=1", [], [], b"a=1"),
        (b"", ["a=1"], [], b"a=1"),
        (b"", [], ["a=1", "b=2"], b"a=1; b=2"),
        (b"x=0", ["a=1"], ["b=2"], b"x=0; a=1; b=2"),
        (b"a=0", ["a=1"], ["a=2"], b"a=0"),
        (b"", ["a=1", "b=1"], ["a=2", "a=3"], b"b=1; a=2; a=3"),
        (b"odd;;  field ", [], ["a=1"], b"odd;;  field ; a=1"),
    ],
)
def test_the_nearest_to_the_request_counts(hand: bytes, general: list[str], stored: list[str], field: bytes) -> None:
    assert cookie_field(hand, cookies(*general), cookies(*stored)) == field


@pytest.mark.parametrize(
    ("hand", "stored", "field"),
    [
        (b"a=1; b=2", ["a=3"], b"b=2; a=3"),
        (b"b=2; a=1", ["a=3"], b"b=2; a=3"),
        (b"a=1", ["a=3"], b"a=3"),
        (b"a=1; b=2", [], b"a=1; b=2"),
        (b"a=1; b=2", ["b=3"], b"a=1; b=2"),
    ],
)
def test_what_a_response_to_the_call_has_set_replaces_what_was_given_by_hand(
    hand: bytes, stored: list[str], field: bytes
) -> None:
    assert cookie_field(hand, [], cookies(*stored), {"a"}) == field


@pytest.mark.parametrize("hand", [b"", b"h=" + b"x" * 3000, b"h=" + b"x" * 9000])
def test_a_field_has_at_most_8_kib_of_cookies_from_the_jar(hand: bytes) -> None:
    """CVE-2022-32205: servers cannot make the requests to their neighbours fail; what fits is sent, hand first."""
    stored = [Cookie(f"{number}", "x" * 3000) for number in range(4)] + [Cookie("s", "y")]

    field = cookie_field(hand, [], stored)

    assert len(field) <= max(MOST, len(hand))
    assert field.startswith(hand)
    kept = names_in(field.removeprefix(hand)) if len(field) > len(hand) else []
    assert [name for name in kept if name] == {0: ["0", "1", "s"], 3002: ["0", "s"], 9002: []}[len(hand)]


def test_the_limit_is_exact() -> None:
    stored = [Cookie("a", "x" * 4000), Cookie("b", "")]
    filler = "y" * (MOST - len(joined(stored)) - len("; c="))

    assert len(cookie_field(b"", [], [*stored, Cookie("c", filler)])) == MOST
    assert names_in(cookie_field(b"", [], [*stored, Cookie("c", filler + "y")])) == ["a", "b"]
