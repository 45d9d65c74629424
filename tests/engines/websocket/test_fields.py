"""The grammar of the handshake's fields, RFC 6455 section 9.1 and RFC 9110 section 5.6.1."""

from __future__ import annotations

import pytest

from courser.engines.websocket.faults import Fault
from courser.engines.websocket.fields import Extension, has_token, read_extensions, read_tokens


@pytest.mark.parametrize("values", [[b"upgrade"], [b"keep-alive, Upgrade"], [b"x", b"UPGRADE ,y"], [b",\tupgrade"]])
def test_a_token_is_found_in_whatever_case_and_line(values: list[bytes]) -> None:
    assert has_token(values, b"upgrade")


@pytest.mark.parametrize("values", [[], [b""], [b"notupgrade"], [b"upgrade-insecure"], [b"up grade"], [b"upgrade;q=1"]])
def test_aiohttp_12723_a_part_of_a_word_is_not_the_token(values: list[bytes]) -> None:
    assert not has_token(values, b"upgrade")


@pytest.mark.parametrize(
    ("values", "tokens"),
    [
        ([], []),
        ([b"chat"], ["chat"]),
        ([b"chat , superchat,\tv1.x"], ["chat", "superchat", "v1.x"]),
        ([b"b", b"a,b"], ["b", "a", "b"]),
        ([b", a,,", b""], ["a"]),
    ],
)
def test_lists_of_tokens(values: list[bytes], tokens: list[str]) -> None:
    assert read_tokens(values) == tokens


@pytest.mark.parametrize("value", [b"a b", b"a,(b)", b'"a"', b"a;b", b"\xe9", b"a\0"])
def test_lists_that_hold_something_else(value: bytes) -> None:
    with pytest.raises(Fault, match="list of tokens"):
        read_tokens([value])


@pytest.mark.parametrize(
    ("values", "extensions"),
    [
        ([], []),
        ([b"a"], [("a", [])]),
        ([b"a;b"], [("a", [("b", None)])]),
        ([b"a ; b = 1 ;c=d , e"], [("a", [("b", "1"), ("c", "d")]), ("e", [])]),
        ([b'a; b="1"; c="\\1\\2"'], [("a", [("b", "1"), ("c", "12")])]),
        ([b"a;b", b", c;b;b=1 "], [("a", [("b", None)]), ("c", [("b", None), ("b", "1")])]),
    ],
)
def test_lists_of_extensions(values: list[bytes], extensions: list[Extension]) -> None:
    assert read_extensions(values) == extensions


@pytest.mark.parametrize(
    "value",
    [
        b";a",
        b"a;",
        b"a;;b",
        b"a;b=",
        b'a;b=""',
        b'a;b="1',
        b'a;b="1 2"',
        b'a;b="1,2"',
        b'a;b="1;2"',
        b'a;b="\\"',
        b"a;b=1 2",
        b"a b",
        b"a=1",
        b"a;=1",
        b"a;b=1=2",
        b"(a)",
        b"a\xe9",
        b"a;b=\0",
    ],
)
def test_cve_2026_2229_extensions_that_break_the_grammar(value: bytes) -> None:
    with pytest.raises(Fault, match="breaks the grammar"):
        read_extensions([b"fine", value])
