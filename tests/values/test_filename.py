"""A name from outside names a file in the folder that it is put into, and nothing else."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.values.filename import LONGEST, safe_filename


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("été 2026.pdf", "été 2026.pdf"),
        ("a'b(1)&c.txt", "a'b(1)&c.txt"),
        (".tar.gz", "tar.gz"),
        ("", None),
        (".", None),
        ("..", None),
        (" . ", None),
        ("\0", None),
        ("/etc/passwd", "passwd"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("\\\\server\\share\\x", "x"),
        ("folder/", None),
        ("C:evil.exe", "C_evil.exe"),
        ("file.txt::$DATA", "file.txt__$DATA"),
        ('<a>:"|?*', "_a______"),
        (".bashrc", "bashrc"),
        (" .ssh", "ssh"),
        ("name. . ", "name"),
        ("a\r\nb\x7f\x9b.txt", "ab.txt"),
        ("photo_\u202egpj.exe", "photo_gpj.exe"),
        ("\ufeffa\u2066b\u200f", "ab"),
        ("\udce9a", "a"),
        ("\u0645\u06cc\u200c\u0634", "\u0645\u06cc\u200c\u0634"),
    ],
)
def test_names(name: str, safe: str | None) -> None:
    """CVE-2024-23334, CVE-2020-8177, CVE-2019-10751: no folder, no drive, nothing hidden or invisible."""
    assert safe_filename(name) == safe


@pytest.mark.parametrize(
    "name", ["con", "NUL", "nul.txt", "Aux ", "prn.tar.gz", "com0", "COM1", "lpt9.x", "com¹", "CONIN$"]
)
def test_devices_of_windows(name: str) -> None:
    assert safe_filename(name) == "_" + name.rstrip()


@pytest.mark.parametrize("name", ["console", "com10", "nul_", "lpt", "xcon"])
def test_what_only_looks_like_a_device(name: str) -> None:
    assert safe_filename(name) == name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a" * 255, "a" * 255),
        ("a" * 256, "a" * 255),
        ("a" * 300 + ".tar.gz", "a" * 252 + ".gz"),
        ("é" * 200 + ".pdf", "é" * 125 + ".pdf"),
        ("a." + "b" * 300, "a." + "b" * 253),
        ("a" * 250 + " " * 10 + ".txt", "a" * 250 + ".txt"),
    ],
)
def test_long_names_are_shortened(name: str, safe: str) -> None:
    assert safe_filename(name) == safe


@given(st.text(st.sampled_from([*"./\\:~ \0\n\x7fcon1é€\u202e\udcff", "\U0001f600"]), max_size=300) | st.text())
def test_whatever_the_name_the_file_is_in_the_folder(name: str) -> None:
    safe = safe_filename(name)
    if safe is not None:
        assert os.path.dirname(os.path.normpath(os.path.join("/folder", safe))) == "/folder"
        assert len(safe.encode()) <= LONGEST
        assert safe == safe.strip(". ")
        assert safe_filename(safe) == safe
