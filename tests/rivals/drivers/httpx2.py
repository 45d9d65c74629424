"""httpx2: a Client that follows redirects."""

from __future__ import annotations

import httpx2

from ._httpx import make_driver

ERRORS = (httpx2.HTTPError,)
TIMEOUTS = (httpx2.TimeoutException,)
Driver = make_driver(httpx2)
