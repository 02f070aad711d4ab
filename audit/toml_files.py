"""Read a TOML file strictly: every word must be known, and every mistake is named with its line."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from audit.errors import AuditError, hint, quote, quote_all

M = TypeVar("M")
MOST_BYTES = 16 << 20
"""Bytes of a TOML file that are read."""
MOST_KEYS = 100_000
"""Keys and values that a TOML file may hold."""
MOST_TOLD = 50
"""Mistakes of a file that are looked at."""
DEEP = re.compile(r"""(?<![\w"'-])(?:[\w"'-]+[ \t]*\.[ \t]*){30}""")
"""A key of more than thirty parts."""


class Line(NamedTuple):
    """One line of a file, as far as it tells places."""

    number: int
    text: str
    head: str
    """Name of the table that begins here, ``""`` elsewhere."""
    key: str
    """Key that is stated here, without quotation marks; of a dotted one the first part."""
    value: str
    """A string that is stated whole."""


def lines(text: str) -> Iterator[Line]:
    r"""Yield the lines of a TOML text with what begins or is stated on them.

    Examples
    --------
    >>> [(one.head, one.key, one.value) for one in lines("[[gate]]\nid = 'floor'  # ours")]
    [('gate', '', ''), ('', 'id', 'floor')]
    """
    for number, line in enumerate(text.splitlines(), start=1):
        head = re.match(r"\s*\[+\s*([^\[\]=]+?)\s*\]+\s*(#.*)?$", line)
        key = re.match(r"\s*[\"']?([^\"'=.\s\[#]+)[\"']?\s*[=.]", line)
        value = re.match(r"[^=]*=\s*([\"'])(.*)\1\s*(#.*)?$", line)
        yield Line(
            number, line, head.group(1) if head else "", key.group(1) if key and not head else "",
            value.group(2) if value else "",
        )  # fmt: skip


def read_toml(path: Path, error: type[AuditError]) -> tuple[dict[str, object], str]:
    """Parse a file.

    Returns
    -------
    tuple of dict and str
        The tables, and the text for finding lines in.

    Raises
    ------
    AuditError
        Of the given class, if the file is missing or no TOML; the parser's line is named.
    """
    if path.exists() and not path.is_file():
        raise error(f"{quote(path)} is not a TOML file.")
    if not path.is_file():
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise error(f"no file {quote(path)}." + hint(path.name, siblings))
    if path.stat().st_size > MOST_BYTES:
        raise error(f"{quote(path.name)} is longer than {MOST_BYTES >> 20} MiB; expected a configuration or a policy.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        if DEEP.search(text):  # the parser takes the square of the depth
            raise RecursionError
        tables = tomllib.loads(text)
        if _size(tables) > MOST_KEYS:
            raise ValueError(f"it holds more than {MOST_KEYS:,} values")
        return tables, text
    except RecursionError as problem:
        raise error(f"{path.name} is not readable as TOML: it is nested too deeply.") from problem
    except (ValueError, OSError) as problem:  # of the parser, of UTF-8, and of integers of thousands of digits
        raise error(f"{path.name} is not readable as TOML: {problem}.") from problem


def _size(value: object, depth: int = 0) -> int:
    """Count keys and values; a file that is nested deeper than any configuration is too deep."""
    if depth > 50:
        raise RecursionError
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return len(held) + sum(_size(item, depth + 1) for item in held if isinstance(item, dict | list))


def validate(model: type[M], tables: object, *, file: str, text: str, error: type[AuditError]) -> M:
    """Check tables against a pydantic dataclass and build it.

    Raises
    ------
    AuditError
        Of the given class; up to five mistakes, each with its place, what was seen and what is known.
    """
    from pydantic import TypeAdapter, ValidationError

    text_of_tables = json.dumps(tables, default=str)  # strict JSON takes tables for dataclasses, dates for text
    try:
        return TypeAdapter(model).validate_json(text_of_tables, strict=True)
    except ValidationError as problem:
        mistakes = problem.errors(include_url=False)[:MOST_TOLD]
        lines = [_tell(model, dict(mistake), file, text) for mistake in mistakes]
        names = list(dict.fromkeys(lines))
        more = f" (and {len(names) - 5} more)" if len(names) > 5 else ""
        raise error("; ".join(names[:5]) + more) from problem


def _tell(model: object, problem: dict[str, object], file: str, text: str) -> str:
    path = [part for part in problem["loc"] if not _is_type_tag(part)]  # type: ignore[attr-defined]
    names = [str(part) for part in path]
    key = names[-1] if names else ""
    where = f"{file}{_line(text, path)}: {_place(path)}"
    if problem["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        known = _known_keys(model, names[:-1])
        return f"{where} is not a known key; known are {quote_all(known)}.{_elsewhere(model, key) or hint(key, known)}"
    if problem["type"] in {"missing", "missing_argument"}:
        return f"{where} is missing"
    return f"{where} is {quote(problem['input'])}: {_expected(problem, key)}"


def _expected(problem: dict[str, object], key: str) -> str:
    """Say what was expected in the words of TOML."""
    said = str(problem["msg"])[:200].replace("Input should be ", "expected ")
    said = said.replace("a valid array", "a list").replace("an object", "a table")
    brackets = problem["type"] == "list_type" and isinstance(problem["input"], dict)
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        return said + hint(problem["input"], re.findall(r"'([^']+)'", said)).replace(" Did", ". Did", 1)
    return f"{said}; write [[{key}]], with two brackets" if brackets else said


def _is_type_tag(part: object) -> bool:
    """Leave out the names of union members that pydantic puts into a location."""
    return (
        isinstance(part, str)
        and bool(
            re.match(
                r"^(tuple|list|dict|function|literal|constrained|str|int|float|bool|lax-or|is-inst)\b.*[\[\(]?|^(str|int|float|bool)$",
                part,
            )
        )
        and part not in {"list"}
    )


def _place(path: list[object]) -> str:
    names = [f"[{part}]" if isinstance(part, int) else str(part) for part in path]
    if not names:
        return "the file"
    table = ".".join(names[:-1]).replace(".[", "[")
    return f"[{table}] {quote(names[-1])}" if table else quote(names[-1])


def _line(text: str, path: list[object]) -> str:
    """Return ``:7`` for the line where a key stands, else for the table it belongs to, else nothing."""
    while path:
        number = _number(text, path)
        if number:
            return f":{number}"
        path = path[:-1]
    return ""


def _number(text: str, path: list[object]) -> int:
    names = [str(part) for part in path if isinstance(part, str)]
    index = next((part for part in path if isinstance(part, int)), 0)
    section, seen = ("", 0), dict.fromkeys([""], 1)
    for line in lines(text):
        if line.head:
            seen[line.head] = seen.get(line.head, 0) + 1
            section = (line.head, seen[line.head] - 1)
            if section == (".".join(names), index):
                return line.number
        elif section == (".".join(names[:-1]), index) and names and line.key == names[-1]:
            return line.number
    return 0


def _elsewhere(model: object, key: str) -> str:
    """Say which tables know a key that stands in a wrong one."""
    tables = [name for name in _known_keys(model, []) if key in _known_keys(model, [name])]
    return f" '{key}' belongs in {' or '.join(f'[{name}]' for name in tables)}." if tables else ""


def _known_keys(model: object, path: list[str]) -> list[str]:
    """List the fields of the dataclass at `path` below `model`."""
    import dataclasses
    import typing

    here: object = model
    for name in path:
        if name.isdigit():
            continue
        hints = typing.get_type_hints(here) if isinstance(here, type) else {}
        here = _dataclass_in(hints.get(name))
    return [field.name for field in dataclasses.fields(here)] if dataclasses.is_dataclass(here) else []


def _dataclass_in(hint_: object) -> object:
    import dataclasses
    import typing

    if isinstance(hint_, type) and dataclasses.is_dataclass(hint_):
        return hint_
    for argument in typing.get_args(hint_):
        value = _dataclass_in(argument)
        if value is not None:
            return value
    return None
