"""Whether files have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from courser.tls.watch import Watch


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text("one")
    os.utime(path, ns=(1, 1))
    return path


def write(path: Path) -> None:
    path.write_text("two")


def grow(path: Path) -> None:
    path.write_text("three")
    os.utime(path, ns=(1, 1))


def replace(path: Path) -> None:
    """As certbot and Kubernetes do, and with the times of a backup."""
    other = path.with_suffix(".new")
    other.write_text("two")
    os.utime(other, ns=(1, 1))
    os.replace(other, path)


@pytest.mark.parametrize("change", [write, grow, replace, os.unlink])
def test_a_change_is_seen(file: Path, change: object) -> None:
    watch = Watch([str(file)])
    assert not watch.changed
    assert callable(change)
    change(file)
    assert watch.changed


def test_reading_is_no_change(file: Path) -> None:
    watch = Watch([str(file)])
    file.read_text()

    assert not watch.changed


def test_one_of_several_is_enough(file: Path, tmp_path: Path) -> None:
    watch = Watch([str(file), str(tmp_path / "absent.pem"), "a\0b"])
    assert not watch.changed
    (tmp_path / "absent.pem").touch()
    assert watch.changed


def test_a_folder_changes_with_what_is_in_it(tmp_path: Path) -> None:
    os.utime(tmp_path, ns=(1, 1))  # where times are coarse, it might have been made in the same moment
    watch = Watch([str(tmp_path)])
    (tmp_path / "0a1b2c3d.0").touch()

    assert watch.changed


def test_nothing_never_changes() -> None:
    assert not Watch(()).changed
