"""States say what they are."""

from __future__ import annotations

from courser.engines.websocket.states import State


def test_there_are_four_and_each_has_words() -> None:
    assert [state.name for state in State] == ["OPEN", "CLOSING", "CLOSED", "FAILED"]
    assert len({state.value for state in State}) == 4
