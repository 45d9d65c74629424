"""Content-Disposition is read as RFC 6266 has it, and as servers send it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.values.disposition import ContentDisposition, parse_disposition


def test_the_vectors(vectors: Path) -> None:
    """Cases of greenbytes' TC2231 and of jshttp; those with options are about another parser's."""
    path = vectors / "content-disposition" / "jshttp-parse.json"
    cases = [case for case in json.loads(path.read_text(encoding="utf-8")) if not case.get("opts")]
    assert len(cases) > 120
    for case in cases:
        expected = case["expected"]
        assert parse_disposition(case["input"]) == (expected["type"], expected["parameters"]), case["name"]


@pytest.mark.parametrize(
    ("value", "filename"),
    [
        ("attachment", None),
        ('attachment; filename=""', None),
        ('attachment; filename="report.pdf"', "report.pdf"),
        ("attachment; filename=report.pdf", "report.pdf"),
        ("inline; FileName=report.pdf", "report.pdf"),
        ("attachment; filename=plain.txt; filename*=UTF-8''%e2%82%ac.txt", "€.txt"),
        ("attachment; filename*=UTF-8''%ff.txt; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=UTF-8''..%2f..%2fetc%2fpasswd", "passwd"),
        ('attachment; filename="..\\\\..\\\\boot.ini"', "boot.ini"),
    ],
)
def test_the_name_to_save_under(value: str, filename: str | None) -> None:
    disposition = parse_disposition(value)

    assert disposition is not None
    assert disposition.filename == filename


def test_what_was_sent_can_be_seen() -> None:
    disposition = parse_disposition('attachment; filename="/etc/passwd"')

    assert disposition == ContentDisposition("attachment", {"filename": "/etc/passwd"})
    assert disposition is not None
    assert (disposition.type, disposition.filename) == ("attachment", "passwd")


def test_no_field_says_nothing() -> None:
    assert parse_disposition(None) is None
    assert parse_disposition("") == ("", {})


@given(st.text(";=\"\\ \t*'%filenametU8-", max_size=80))
def test_no_value_is_too_odd(value: str) -> None:
    disposition = parse_disposition(value)

    assert disposition is not None
    assert disposition.filename != ""


@pytest.mark.parametrize("part", [";", '"', ';a="', ';a="\\', ";a", "=", " ", "; a*=UTF-8''%", "\\"])
def test_a_hostile_value_is_read_once(part: str) -> None:
    """In quadratic time this would take a minute."""
    parse_disposition(part * 200_000)
    parse_disposition("a;" + part * 200_000)
