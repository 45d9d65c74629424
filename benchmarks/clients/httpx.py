"""httpx: one Client or AsyncClient."""

from __future__ import annotations

import httpx

from ._httpx import adapters

Sync, Async = adapters(httpx)
