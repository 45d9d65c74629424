"""After a fork, the child forgets.

Descriptors are shared between parent and child, and so is all that the kernel knows of them: a child that takes a
socket out of a poll object takes it out of the parent's, and one that says goodbye on a TLS connection ends the
parent's. The child therefore closes its copies of the descriptors and does nothing else. Locks that a thread of the
parent held at that moment would never be opened, so they are made anew.
"""

from __future__ import annotations

import os
from weakref import WeakSet

from ..hints import Protocol

__all__ = ["Forgetful", "remember"]


class Forgetful(Protocol):
    """Something that must not survive a fork as it is."""

    def forget(self) -> None:
        """Give up everything that is shared with the parent, without a trace; called in the child."""
        ...


_remembered: WeakSet[Forgetful] = WeakSet()


def remember(thing: Forgetful) -> None:
    """Have something forget after a fork."""
    _remembered.add(thing)


def _forget_all() -> None:
    for thing in list(_remembered):
        thing.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
