"""Every label leads to an encoding of Python's."""

from __future__ import annotations

import codecs
import sys

import pytest

from courser.values.labels import LABELS

SUPERSETS = {"gb2312", "euc-kr", "ks_c_5601-1987"}
"""What Python knows too, as a smaller set."""

NEWER = {"windows-31j"}
"""What Python knows from 3.13 on."""


@pytest.mark.parametrize("label", LABELS)
def test_a_label_is_one_that_python_does_not_know(label: str) -> None:
    assert label == label.lower()
    assert codecs.lookup(LABELS[label]).name == LABELS[label]
    if label in NEWER and sys.version_info >= (3, 13):
        assert codecs.lookup(label).name == LABELS[label]
    elif label not in SUPERSETS:
        with pytest.raises(LookupError):
            codecs.lookup(label)


@pytest.mark.parametrize("label", sorted(SUPERSETS))
def test_a_larger_set_reads_all_that_the_smaller_one_does(label: str) -> None:
    for first in range(0xA1, 0xFF):
        for second in range(0xA1, 0xFF):
            data = bytes((first, second))
            try:
                text = data.decode(label)
            except UnicodeDecodeError:
                continue
            assert data.decode(LABELS[label]) in (text, *TWINS.get(text, ()))


TWINS = {"・": ("·",), "―": ("—",)}
"""Characters of gb2312 that gb18030 reads as ones that look alike."""
