"""Names that a server gives to files, made safe to write under (what CVE-2020-8177 and CVE-2019-10751 were about)."""

from __future__ import annotations

import re

from ..hints import TYPE_CHECKING
from .pattern import late_pattern

if TYPE_CHECKING:
    from typing import Final

__all__ = ["safe_filename"]

LONGEST: Final = 255
"""Bytes of a name that the file systems in use take (ext4, APFS; NTFS counts in UTF-16)."""

LONGEST_SUFFIX: Final = 32
"""Characters of what counts as a suffix when a name is shortened."""

_SEPARATOR: Final = late_pattern(r"[/\\]")

_INVISIBLE: Final = late_pattern("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")
"""Control characters, and those that change in what order or whether others are seen: `exe.txt` may be `txt.exe`."""

_FORBIDDEN: Final = late_pattern(r'[<>:"|?*]')
"""What Windows does not take; a colon names a drive or another stream of a file."""

_DEVICE: Final = late_pattern(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *+(?:\..*)?", re.IGNORECASE)
"""Names that Windows takes for devices, whatever their suffix."""


def safe_filename(name: str) -> str | None:
    """Make of a name that somebody else chose one that can be written under in a folder; None if nothing is left.

    It is one component and no hidden file, has no characters that are invisible or that Windows does not take, names
    no device, and is not too long.

    Args:
        name: a name, perhaps with folders, which are dropped.
    """
    last = _SEPARATOR.split(name)[-1]
    safe = _FORBIDDEN.sub("_", _INVISIBLE.sub("", last)).strip(". ")
    if _DEVICE.fullmatch(safe) is not None:
        safe = f"_{safe}"
    return _shortened(safe) or None


def _shortened(name: str) -> str:
    if len(name.encode()) <= LONGEST:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > LONGEST_SUFFIX:
        stem, dot, suffix = name, "", ""
    end = dot + suffix
    return stem.encode()[: LONGEST - len(end.encode())].decode("utf-8", "ignore").rstrip(". ") + end
