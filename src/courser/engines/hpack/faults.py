"""What is wrong with a header block."""

from __future__ import annotations

__all__ = ["HPACKFault", "ListTooLarge"]


class HPACKFault(Exception):
    """A block that breaks RFC 7541: the connection has to end with COMPRESSION_ERROR.

    Args:
        detail: what and where.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ListTooLarge(Exception):
    """A block that decodes to more than was allowed; the table is as its sender has it, so the connection may go on.

    Args:
        detail: how much it is.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
