"""Whatever carries a WebSocket does what a talk asks of it."""

from __future__ import annotations

from typing import Any

import pytest

from courser.core.carrier import Carrier
from courser.core.extended import StreamCarrier
from courser.core.upgraded import ThreadedUpgrade, UpgradedConnection

ASKED = {name for name in (*vars(Carrier), *Carrier.__annotations__) if not name.startswith("_")}


@pytest.mark.parametrize("kind", [UpgradedConnection, ThreadedUpgrade, StreamCarrier])
def test_a_carrier_has_what_a_talk_asks_of_it(kind: Any) -> None:
    assert {"label", "enter", "write", "pending", "finish"} < ASKED
    assert [name for name in ASKED if not hasattr(kind, name)] == []
