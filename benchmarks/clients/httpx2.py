"""httpx2: one Client or AsyncClient."""

from __future__ import annotations

import httpx2

from ._httpx import adapters

Sync, Async = adapters(httpx2)
