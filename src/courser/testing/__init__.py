"""Tools for tests of code that uses courser; no thread, no port, nothing that depends on the machine.

MockTransport       answers requests with a function
MemoryNetwork       answers them over HTTP/1.1 in memory, with a handler as `courser.server` takes it
ScriptedNetwork     plays scripts of bytes: what has to come, what is answered, how it ends
"""

from .link import CALM, Conditions, Fault, MemoryLink
from .mock import MockTransport
from .network import MemoryNetwork
from .script import CLOSE, RESET, Expect, Say, ScriptedNetwork

__all__ = [
    "CALM",
    "CLOSE",
    "RESET",
    "Conditions",
    "Expect",
    "Fault",
    "MemoryLink",
    "MemoryNetwork",
    "MockTransport",
    "Say",
    "ScriptedNetwork",
]
