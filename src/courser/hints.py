"""What classes and functions take of `typing` while they are made, without importing it.

Importing typing, and what it imports, takes as long as all the values of this library; a program that sends one
request and ends would wait for it. So names that stand in annotations only are imported under TYPE_CHECKING, and the
few that run come from here: type checkers see those of typing, Python sees stand-ins that do the same for less.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take this name for true wherever it comes from

if TYPE_CHECKING:
    from typing import Any, Generic, NamedTuple, Protocol, TypedDict, TypeVar, cast, final, overload
else:
    from collections import namedtuple

    class Any:
        """Whatever it may be, in a type that is more than an annotation."""

    class Generic:
        """A class that may be subscripted."""

        __slots__ = ()

        def __class_getitem__(cls, parameters):
            return cls

    class Protocol(Generic):
        """A class that others need not inherit from."""

        __slots__ = ()

    class TypedDict:
        """The names of its fields, each of which may be absent; nobody makes one by calling it."""

        def __init_subclass__(cls, total):
            cls.__optional_keys__ = frozenset().union(*(base.__annotations__ for base in cls.__mro__[:-2]))

    class Record(type):
        """Makes a namedtuple of a class: its annotations are the fields, the rest of its body is taken over."""

        def __new__(meta, name, bases, body):
            if not bases:
                return super().__new__(meta, name, bases, body)
            fields = tuple(body["__annotations__"])
            made = namedtuple(name, fields, defaults=[body[field] for field in fields if field in body])
            for key in body.keys() - {*fields, "__qualname__"}:
                setattr(made, key, body[key])
            return made

    class NamedTuple(metaclass=Record):
        """A tuple whose items have names."""

    def TypeVar(name, **bounds):
        return name

    def cast(kind, value):
        return value

    def overload(function):
        return function

    def final(kind):
        return kind


__all__ = [
    "TYPE_CHECKING",
    "Any",
    "Generic",
    "NamedTuple",
    "Protocol",
    "TypeVar",
    "TypedDict",
    "cast",
    "final",
    "overload",
]
