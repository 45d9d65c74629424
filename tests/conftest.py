"""What every test may rely on: a plain environment, the shared vectors, certificates, and the modules in support."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

for folder in ("interop", "support"):
    sys.path.insert(0, str(Path(__file__).parent / folder))

from authority import Authority  # noqa: E402 - its folder is known from here on only

PROXIES = ("http", "https", "all", "no", "ftp", "ws", "wss", "socks")
OTHERS = (
    "AWS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NETRC",
    "REQUESTS_CA_BUNDLE",
    "REQUEST_METHOD",
    "SSLKEYLOGFILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
)
CLEARED = (*(f"{name}_proxy" for name in PROXIES), *(f"{name}_PROXY".upper() for name in PROXIES), *OTHERS)

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    """Keep the collector from what lives as long as the session: each look through all of it stops a test for 0.4 s."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the proxies, passwords, CA files and key logs of the machine it runs on."""
    for name in CLEARED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", os.devnull)  # without it there is the one in the home folder


@pytest.fixture
def no_collection() -> Iterator[None]:
    """What a test counts is its own: no collector enters frames, or closes what other tests have left, meanwhile."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of test vectors that lies beside the repository, or where $COURSER_VECTORS says."""
    default = Path(__file__).parents[1] / "../shared/vectors"
    path = Path(os.environ.get("COURSER_VECTORS") or default).resolve()
    if not path.is_dir():
        pytest.skip(f"no test vectors in {path}; COURSER_VECTORS can name their folder")
    return path


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificates of the tests."""
    pytest.importorskip("trustme")
    return Authority(tmp_path_factory.mktemp("authority"))
