"""niquests: a Session."""

from __future__ import annotations

import niquests

from ._requests import make_driver

ERRORS = (niquests.RequestException,)
TIMEOUTS = (niquests.Timeout,)
Driver = make_driver(niquests)
