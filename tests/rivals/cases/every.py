"""All cases."""

from __future__ import annotations

from typing import Final

from case import Case
from cases import asking, connecting, decoding, proxying, reading, redirecting, remembering

MODULES: Final = (asking, redirecting, remembering, proxying, connecting, reading, decoding)
CASES: Final[dict[str, Case]] = {case.id: case for module in MODULES for case in module.CASES}
