"""httpx: a Client that follows redirects."""

from __future__ import annotations

import httpx

from ._httpx import make_driver

ERRORS = (httpx.HTTPError,)
TIMEOUTS = (httpx.TimeoutException,)
Driver = make_driver(httpx)
