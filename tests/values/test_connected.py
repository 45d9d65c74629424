"""What is told of a connection is made of what its link knows."""

from __future__ import annotations

import pickle

import pytest

from courser.values.connected import ConnectionInfo


def test_without_encryption() -> None:
    info = ConnectionInfo.of(7, ("10.0.0.1", 80), ("10.0.0.2", 50000))

    assert info == ConnectionInfo(7, ("10.0.0.1", 80), ("10.0.0.2", 50000), None, None, None)
    assert pickle.loads(pickle.dumps(info)) == info


def test_with_encryption() -> None:
    cipher = ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256)

    info = ConnectionInfo.of(1, None, None, "TLSv1.3", cipher, b"der")

    assert (info.tls, info.cipher, info.certificate) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384", b"der")
    assert (info.peer, info.local) == (None, None)


@pytest.mark.parametrize(
    ("given", "address"),
    [(("::1", 80, 0, 0), ("::1", 80)), ("/run/socket", "/run/socket"), ("", None), (b"", None), (None, None)],
)
def test_addresses_of_every_kind(given: object, address: object) -> None:
    assert ConnectionInfo.of(1, given, None).peer == address
