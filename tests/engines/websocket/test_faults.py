"""A fault knows what to tell the peer."""

from __future__ import annotations

from courser.engines.websocket.codes import CloseCode
from courser.engines.websocket.faults import Fault


def test_a_fault_breaks_the_protocol_unless_it_says_more() -> None:
    fault = Fault("why")
    assert (str(fault), fault.detail, fault.code) == ("why", "why", 1002)
    assert Fault("why", CloseCode.MESSAGE_TOO_BIG).code == 1009
