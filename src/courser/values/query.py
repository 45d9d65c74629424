"""Query parameters and forms: pairs of text, in the order given (URL Standard, section 5).

Reading follows the standard. Writing escapes all but the unreserved characters of RFC 3986, so that no reader can
take a part of a value for anything else; a space is `%20` in a query, which every server reads, and `+` in a form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..hints import TYPE_CHECKING, TypeVar, cast, final, overload
from .percent import COMPONENT, QUERY, decode, encode, encode_bytes

if TYPE_CHECKING:
    from typing import Any, NoReturn, TypeAlias

    from ..settings import ParamTypes, Scalar

__all__ = ["QueryParams", "encode_params", "plain_text"]

Default = TypeVar("Default")
Pair: TypeAlias = tuple[str, str]
Values: TypeAlias = "Scalar | Sequence[Scalar]"


@final
class QueryParams:
    """An immutable list of parameters; a name may come more than once.

    Args:
        params: a mapping whose values are scalars or sequences of them, pairs, an encoded text, or QueryParams.
            True and False become `true` and `false`, None is left out, numbers become their text.

    Raises:
        TypeError: a name is not a str, or a value is of another type.
    """

    __slots__ = ("_pairs",)

    _pairs: tuple[Pair, ...]

    def __init__(self, params: ParamTypes = None) -> None:
        object.__setattr__(self, "_pairs", tuple(_flat(_groups(params))))

    @overload
    def get(self, key: str) -> str | None: ...
    @overload
    def get(self, key: str, default: Default) -> str | Default: ...
    def get(self, key: str, default: Any = None) -> Any:
        """Return the first value of a name."""
        return next((value for name, value in self._pairs if name == key), default)

    def get_list(self, key: str) -> list[str]:
        """Return every value of a name."""
        return [value for name, value in self._pairs if name == key]

    def keys(self) -> list[str]:
        """Return each name once, in the order of first appearance."""
        return list(self._first())

    def values(self) -> list[str]:
        """Return the first value of each name."""
        return list(self._first().values())

    def items(self) -> list[Pair]:
        """Return each name with its first value."""
        return list(self._first().items())

    def multi_items(self) -> list[Pair]:
        """Return every pair, in order."""
        return list(self._pairs)

    def add(self, key: str, value: Values) -> QueryParams:
        """Return these parameters with more values of a name at the end."""
        return QueryParams(_flat([*_groups(self), _group(key, value)]))

    def set(self, key: str, value: Values) -> QueryParams:
        """Return these parameters with all values of a name replaced; None removes it."""
        return self._replaced([_group(key, value)])

    def remove(self, key: str) -> QueryParams:
        """Return these parameters without a name."""
        return self.set(key, None)

    def merge(self, other: ParamTypes) -> QueryParams:
        """Return these parameters with every name in `other` replaced; a name whose value is None is removed."""
        return self._replaced(list(_groups(other)))

    def encode(self, *, form: bool = False) -> str:
        """Return the encoded text.

        Args:
            form: write a space as `+`, as HTML forms do, and not as `%20`.

        Raises:
            InvalidURL: a name or a value holds a lone surrogate.
        """
        text = "&".join([f"{encode(name, COMPONENT)}={encode(value, COMPONENT)}" for name, value in self._pairs])
        return text.replace("%20", "+") if form else text

    def __getitem__(self, key: str) -> str:
        return self._first()[key]

    def __contains__(self, key: object) -> bool:
        return any(name == key for name, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return iter(self._first())

    def __len__(self) -> int:
        return len(self._first())

    def __str__(self) -> str:
        return self.encode()

    def __repr__(self) -> str:
        return f"QueryParams({list(self._pairs)!r})"

    def __eq__(self, other: object) -> bool:
        return self._pairs == other._pairs if isinstance(other, QueryParams) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __reduce__(self) -> tuple[type[QueryParams], tuple[list[Pair]]]:
        return QueryParams, (self.multi_items(),)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("QueryParams are immutable: set, add, remove and merge return new ones")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("QueryParams are immutable: remove returns new ones")

    def _first(self) -> dict[str, str]:
        first: dict[str, str] = {}
        for name, value in self._pairs:
            first.setdefault(name, value)
        return first

    def _replaced(self, groups: list[Group]) -> QueryParams:
        """Put the new values of a name where its first one stood, those of new names at the end."""
        new: dict[str, list[str]] = {}
        for name, values in groups:
            new.setdefault(name, []).extend(values)
        merged: list[Group] = []
        for name, value in self._pairs:
            if name in new:
                merged.append((name, new[name]))
                new[name] = []
            else:
                merged.append((name, [value]))
        return QueryParams(_flat([*merged, *new.items()]))


Group: TypeAlias = tuple[str, list[str]]


def encode_params(params: ParamTypes) -> str:
    """Return parameters as a query; what is text or bytes already keeps its escapes and its order.

    Raises:
        TypeError: a name is not a str, or a value is of a type that a query cannot hold.
        InvalidURL: a lone surrogate.
    """
    if isinstance(params, str):
        return encode(params, QUERY)
    if isinstance(params, bytes):
        return encode_bytes(params, QUERY)
    return (params if isinstance(params, QueryParams) else QueryParams(params)).encode()


def _groups(params: ParamTypes) -> Iterable[Group]:
    """Yield each name with its values, none where it was None or an empty sequence."""
    if params is None:
        return []
    if isinstance(params, QueryParams):
        return [(name, [value]) for name, value in params.multi_items()]
    if isinstance(params, str):
        return _parse(encode(params, QUERY).encode("ascii"))
    if isinstance(params, bytes):
        return _parse(params)
    items = getattr(params, "items", None)
    if items is None and not hasattr(params, "__iter__"):
        raise TypeError(f"parameters are a mapping or pairs of a name and a value, not {params!r}")
    return [_group(*_pair(item)) for item in cast("Iterable[Any]", params if items is None else items())]


def _flat(groups: Iterable[Group]) -> list[Pair]:
    return [(name, value) for name, values in groups for value in values]


def _parse(data: bytes) -> list[Group]:
    """The application/x-www-form-urlencoded parser (URL Standard, section 5.1)."""
    parts = [part.replace(b"+", b" ").partition(b"=") for part in data.split(b"&") if part]
    return [(_text(name), [_text(value)]) for name, _, value in parts]


def _text(data: bytes) -> str:
    return decode(data).decode("utf-8", "replace")


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, tuple | list) and len(cast("Sequence[Any]", item)) == 2:
        return cast("tuple[Any, Any]", tuple(cast("Sequence[Any]", item)))
    raise TypeError(f"parameters are a mapping or pairs of a name and a value, not {item!r}")


def _group(name: Any, value: Any) -> Group:
    if not isinstance(name, str):
        raise TypeError(f"the name of a parameter is a str, not {name!r}")
    if isinstance(value, list | tuple):
        return name, [_scalar(name, one) for one in cast("Sequence[Any]", value) if one is not None]
    return name, [] if value is None else [_scalar(name, value)]


def _scalar(name: str, value: Any) -> str:
    text = plain_text(value)
    if text is None:
        raise TypeError(f"parameter {name!r} cannot be a {type(value).__name__}: use a str, int, float, bool or None")
    return text


def plain_text(value: Any) -> str | None:
    """The text of a plain value, as it goes into a query or a form; None for what is none."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    return None
