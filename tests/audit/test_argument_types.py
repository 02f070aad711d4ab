"""The front door: an argument of another type is refused in one line, before anything is read."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
import modelassay as ma
from audit.errors import ConfigError


class Unspeakable:
    """An object that cannot be written."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


PUBLIC = [name for name in audit.__all__ if inspect.isfunction(getattr(audit, name))]
ODD = [
    3, -1, 2.5, float("nan"), "x", "", b"x", [1, 2], {"a": 1}, object(), print, None, True, np.arange(9),
    np.zeros((9, 2)), pd.Series(["q"] * 9), "no/such/file.csv", (1, 2, 3), range(5), iter([1]), {1}, float("inf"),
    10**400, 10**6000, Unspeakable(),
]  # fmt: skip
ARGUMENTS = [name for name in inspect.signature(ma.run).parameters if name not in ("model", "X", "y")]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_signature_can_be_checked(name: str) -> None:
    function: Callable[..., object] = inspect.unwrap(getattr(audit, name))
    stated = typing.get_type_hints(function)
    assert set(inspect.signature(function).parameters) <= set(stated)


def refusal(arguments: dict[str, Any]) -> str:
    """Return what is said against an audit, or nothing where it was carried out."""
    try:
        record = ma.run(**arguments)
    except ma.AuditError as error:
        return str(error)
    assert record.findings
    return ""


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_no_odd_argument_ends_in_a_stack_trace(argument: str) -> None:
    table = pd.DataFrame({"x": np.arange(40.0), "p": np.arange(40) % 3 % 2, "target": np.arange(40) % 2})
    for value in ODD:
        arguments: Any = {"test": table, "prediction": "p", "checks": ["skill"], argument: value}
        assert "\n" not in refusal(arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"features": 3}, "features is '3' (int); expected a list, each entry text."),
        ({"taks": "binary"}, "run has no argument 'taks'. Did you mean 'task'?"),
        ({"task": "bianry"}, "Did you mean 'binary'?"),
        ({"bins": {"age": 3}}, "expected a mapping of text to a list, each entry a number."),
        ({"seed": 1.5}, "seed is '1.5' (float); expected a whole number."),
        ({"quick": "yes"}, "quick is 'yes' (str); expected True or False."),
    ],
)
def test_the_message_names_what_was_given_and_what_is_expected(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as problem:
        ma.run(None, [[1]], [1], **arguments)
    assert said in str(problem.value)


def test_numbers_of_numpy_and_names_in_any_list_are_fine() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=90), "sex": rng.integers(0, 2, 90), "target": np.arange(90) % 2, "p": 1})
    plain: Any = {"test": table, "sensitive": ["sex"], "prediction": "p", "checks": ["skill"]}
    first = ma.run(**plain, seed=3, drop=["x"], reference={"sex": "1"}, names={"sex": {"1": "men"}})
    second = ma.run(
        **plain,
        seed=np.int64(3),  # type: ignore[arg-type]
        drop=(name for name in pd.Index(["x"])),
        reference={"sex": 1},
        names={"sex": {1: "men"}},
    )
    assert first.findings == second.findings
    assert first.data.names == second.data.names


@given(st.one_of(st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers()), st.none()))
def test_what_is_no_record_is_never_compared(value: object) -> None:
    with pytest.raises(ma.AuditError):
        ma.compare(value, value)  # type: ignore[arg-type]


def test_a_history_is_rows_with_names() -> None:
    with pytest.raises(ConfigError, match=r"history is .* expected a list, each entry"):
        ma.diagnose([{"epoch": 1, "loss": 1.0}])  # type: ignore[list-item]
