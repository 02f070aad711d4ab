"""Arguments at the front door are of the type that the signature states, or are refused before anything runs."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Annotated, Literal, ParamSpec, TypeVar, Union

from audit.errors import ConfigError, hint, quote, quote_all

P = ParamSpec("P")
R = TypeVar("R")
ColumnName = Annotated[str, "the name of a column of the table"]
"""A text; the words after the comma say what is expected."""
_LISTS = (Iterable, Sequence, tuple)
_NUMBERS: Mapping[object, type] = {int: Integral, float: Real}
_WORDS: Mapping[object, str] = {
    object: "anything",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    Path: "a path",
    Mapping: "a mapping",
    Callable: "a function",
}


def check_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Check a function's arguments against its annotations whenever it is called.

    Numbers of NumPy count as numbers, and any iterable as a list; what is annotated ``object`` is the function's
    own to judge.

    Raises
    ------
    ConfigError
        From the function returned, naming the argument, what was given and what is expected.

    Examples
    --------
    >>> @check_arguments
    ... def total(values: Iterable[float], times: int = 1) -> float:
    ...     return times * sum(values)
    >>> total(iter([1, 2]), times=2)
    6
    >>> total([1, 2], times="2")
    Traceback (most recent call last):
    ...
    audit.errors.ConfigError: times is '2' (str); expected a whole number.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as problem:
            raise ConfigError(_misfit(function.__name__, signature, kwargs, problem)) from problem
        hints = _hints(function)
        for name, given in bound.arguments.items():
            bound.arguments[name] = _accept(name, given, hints.get(name, object), signature.parameters[name].kind)
        return function(*bound.args, **bound.kwargs)

    return checked


@functools.cache
def _hints(function: Callable[..., object]) -> Mapping[str, object]:
    return typing.get_type_hints(function, include_extras=True)


def _misfit(name: str, signature: inspect.Signature, given: Mapping[str, object], problem: TypeError) -> str:
    """Say which argument is unknown or missing."""
    known = list(signature.parameters)
    unknown = next((argument for argument in given if argument not in known), None)
    if unknown is None:
        return f"{name}: {problem}."
    return f"{name} has no argument {quote(unknown)}.{hint(unknown, known) or f' It has {quote_all(known, limit=8)}.'}"


def _accept(name: str, given: object, wanted: object, kind: inspect._ParameterKind) -> object:
    """Return the argument, as a list what can be read only once, or refuse it."""
    if kind is inspect.Parameter.VAR_POSITIONAL:
        return tuple(_accept(name, value, wanted, inspect.Parameter.POSITIONAL_ONLY) for value in _values(given))
    if kind is inspect.Parameter.VAR_KEYWORD or wanted is object:
        return given
    if isinstance(given, Iterator) and any(typing.get_origin(member) in _LISTS for member in _members(wanted)):
        given = list(given)
    if not _fits(given, wanted):
        long = isinstance(given, Iterable) and not isinstance(given, str)
        seen = f"{name} is a {type(given).__name__}" if long else f"{name} is {quote(given)} ({type(given).__name__})"
        raise ConfigError(f"{seen}; expected {_in_words(wanted)}.{_near(given, wanted)}")
    return given


def _values(given: object) -> Iterable[object]:
    return given if isinstance(given, Iterable) else ()


def _members(wanted: object) -> tuple[object, ...]:
    """Return the types of a union, or the one type that it is."""
    return typing.get_args(wanted) if typing.get_origin(wanted) in (Union, types.UnionType) else (wanted,)


def _fits(given: object, wanted: object) -> bool:
    """Return whether a value is of the type; of a list or a mapping all it holds."""
    members = _members(wanted)
    if len(members) > 1:
        return any(_fits(given, member) for member in members)
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Annotated:
        return _fits(given, inner[0])
    if origin is Mapping:
        return isinstance(given, Mapping) and all(
            _fits(key, inner[0]) and _fits(value, inner[1]) for key, value in given.items()
        )
    if origin in _LISTS:
        if isinstance(given, str):
            return origin is Iterable and inner[0] is str  # one name stands for itself
        is_list = isinstance(given, Iterable) and not isinstance(given, bytes | Mapping)
        return is_list and all(_fits(value, inner[0]) for value in _values(given))
    return _is_one(given, wanted, origin, inner)


def _is_one(given: object, wanted: object, origin: object, inner: tuple[object, ...]) -> bool:
    """Return whether a single value is of the type."""
    if origin is Literal:
        return isinstance(given, str) and given in inner
    if origin is Callable:
        return callable(given)
    if wanted is bool:
        return type(given).__name__ in ("bool", "bool_")  # NumPy's too, without importing it
    if wanted in _NUMBERS:
        return isinstance(given, _NUMBERS[wanted]) and not isinstance(given, bool) and _is_representable(given)
    kind = PathLike if wanted is Path else origin or wanted
    return isinstance(given, kind) if isinstance(kind, type) else True  # names that stand for themselves: Json


def _is_representable(number: object) -> bool:
    """Return whether a number is not a whole number of hundreds of digits."""
    return not isinstance(number, Integral) or abs(int(number)) < 1 << 1000


def _in_words(wanted: object) -> str:
    """Say what a type asks for; None is not offered."""
    said = [_one_in_words(member) for member in _members(wanted) if member is not type(None)]
    return " or ".join(dict.fromkeys(said))


def _one_in_words(wanted: object) -> str:
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Annotated:
        return str(inner[1])
    if origin is Literal:
        return f"one of {quote_all(inner)}"
    if origin is Mapping:
        return f"a mapping of {_in_words(inner[0])} to {_in_words(inner[1])}"
    if origin in _LISTS:
        return "a list" if inner[0] is object else f"a list, each entry {_in_words(inner[0])}"
    if wanted in _WORDS or origin in _WORDS:
        return _WORDS[wanted if wanted in _WORDS else origin]
    return f"a value of type {wanted.__name__}" if isinstance(wanted, type) else "a value"


def _near(given: object, wanted: object) -> str:
    """Name the nearest choice where a word of a list of choices was mistyped."""
    literals = [member for member in _members(wanted) if typing.get_origin(member) is Literal]
    return hint(given, [choice for literal in literals for choice in typing.get_args(literal)]) if literals else ""
