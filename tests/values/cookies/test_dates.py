"""values/cookies/dates.py: dates in every form that servers write."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.values.cookies.dates import parse_date

VECTORS = Path(os.environ.get("COURSER_VECTORS", Path(__file__).parents[3] / "../shared/vectors")) / "cookies"
MOMENTS = st.datetimes(datetime(1601, 1, 1), datetime(9999, 12, 31, 23, 59, 59), timezones=st.just(UTC))


def vectors(name: str) -> list[Any]:
    path = VECTORS / name
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"the vectors {path} are absent"))]
    return [pytest.param(case, id=case["test"]) for case in json.loads(path.read_text("utf-8"))]


@pytest.mark.parametrize("case", vectors("examples.json") + vectors("bsd-examples.json"))
def test_the_dates_of_the_http_state_suite(case: dict[str, Any]) -> None:
    expected = case["expected"]

    assert parse_date(case["test"]) == (expected and parsedate_to_datetime(expected).timestamp())


@pytest.mark.parametrize(
    ("text", "year"),
    [("69", 2069), ("70", 1970), ("99", 1999), ("00", 2000), ("1601", 1601), ("9999", 9999), ("1600", None)],
)
def test_which_year_is_meant(text: str, year: int | None) -> None:
    expected = None if year is None else datetime(year, 1, 2, tzinfo=UTC).timestamp()

    assert parse_date(f"Sat, 02 Jan {text} 00:00:00 GMT") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Jan",
        "31 Feb 2020 00:00:00",
        "29 Feb 2021 00:00:00",
        "00 Jan 2020 00:00:00",
        "32 Jan 2020 00:00:00",
        "01 Jan 2020 24:00:00",
        "01 Jan 2020 00:60:00",
        "01 Jan 2020 00:00:60",
        "01 Jan 2020 00:00",
        "01 Jan 0 00:00:00",
        "01 Foo 2020 00:00:00",
        "\u0661\u0662 Jan 2020 00:00:00",
        "12 Jan 2020 \uff10\uff11:02:03",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text) is None


def test_the_first_of_each_kind_counts() -> None:
    assert parse_date("02 01 Jan Feb 00:00:01 00:00:02 2020") == datetime(2001, 1, 2, 0, 0, 1, tzinfo=UTC).timestamp()


MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
FORMS = [
    "Day, {d} {m} {y} {t} GMT",
    "{d}-{m}-{y};{t}",
    "{m}/{d}/{t}/{y}",
    "{y} {m}ember {d} {t}",
    "{t}; {y} {d} {m}",
]


@given(MOMENTS, st.sampled_from(FORMS))
def test_a_date_comes_back_from_every_form(moment: datetime, form: str) -> None:
    text = form.format(d=moment.day, m=MONTHS[moment.month - 1], y=f"{moment.year:04d}", t=moment.strftime("%H:%M:%S"))

    assert parse_date(text) == int(moment.replace(microsecond=0).timestamp())


@given(st.text(alphabet="0123456789: ,-/janfebGMT\x00é", max_size=60) | st.text(max_size=60))
def test_no_text_is_an_error(text: str) -> None:
    assert parse_date(text) is None or isinstance(parse_date(text), int)


def test_a_long_text_is_read_in_one_pass() -> None:
    """PSF-2019-14 / bpo-38804: cookie dates that took quadratic time and more."""
    for text in ("1-" * 32768, "0" * 65536, "0:" * 32768, " " * 65536, "1:1:1" * 13000, "jan" * 22000):
        assert parse_date(text + " Jan 2020") is None
