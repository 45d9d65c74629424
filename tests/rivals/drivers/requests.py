"""Requests: a Session."""

from __future__ import annotations

import requests

from ._requests import make_driver

ERRORS = (requests.RequestException,)
TIMEOUTS = (requests.Timeout,)
Driver = make_driver(requests)
