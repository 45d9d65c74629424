"""HPACK (RFC 7541): header blocks to fields and back, for one direction of an HTTP/2 connection each."""

from __future__ import annotations

from .decoder import Decoder
from .encoder import Encoder
from .faults import HPACKFault, ListTooLarge

__all__ = ["Decoder", "Encoder", "HPACKFault", "ListTooLarge"]
