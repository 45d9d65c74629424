"""Both kinds of error say what is wrong; they are told apart by whether the connection can live on."""

from __future__ import annotations

import pytest

from courser.engines.hpack import HPACKFault, ListTooLarge


@pytest.mark.parametrize("kind", [HPACKFault, ListTooLarge])
def test_a_fault_carries_its_detail(kind: type[HPACKFault] | type[ListTooLarge]) -> None:
    assert (kind("why").detail, str(kind("why"))) == ("why", "why")


def test_neither_kind_is_the_other() -> None:
    assert not issubclass(HPACKFault, ListTooLarge)
    assert not issubclass(ListTooLarge, HPACKFault)
