"""Certificates for the tests of servers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

SUPPORT = str(Path(__file__).parents[1] / "support")
if SUPPORT not in sys.path:
    sys.path.insert(0, SUPPORT)

from authority import Authority  # noqa: E402 - its folder is known from here on only


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificates of the tests."""
    pytest.importorskip("trustme")
    return Authority(tmp_path_factory.mktemp("authority"))
