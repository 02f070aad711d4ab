"""What a search may try: dimensions of a space, each with how it is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainers.errors import TrainerError, hint, quote, quote_all

if TYPE_CHECKING:
    import optuna

Plain = None | bool | int | float | str | list["Plain"] | tuple["Plain", ...]


def _check_range(low: float, high: float, *, log: bool) -> None:
    if not low <= high:
        raise TrainerError(f"a range goes from {low} to {high}; expected the smaller number first")
    if log and low <= 0:
        raise TrainerError(f"a logarithmic range starts at {low}; expected a number above 0")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values; tuples too, such as layouts of hidden layers."""

    values: tuple[Plain, ...]
    kind: Literal["choice"] = "choice"

    def __post_init__(self) -> None:
        if not self.values:
            raise TrainerError("a choice holds no values; expected at least one")

    def suggest(self, trial: optuna.Trial, name: str) -> Plain:
        """Ask for one of the values."""
        texts = [json.dumps(value) for value in self.values]
        return self.values[texts.index(trial.suggest_categorical(name, texts))]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between two others, both included."""

    low: int
    high: int
    log: bool = False
    kind: Literal["whole"] = "whole"

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, log=self.log)

    def suggest(self, trial: optuna.Trial, name: str) -> Plain:
        """Ask for a whole number."""
        return trial.suggest_int(name, self.low, self.high, log=self.log)


@dataclass(frozen=True, slots=True)
class Real:
    """A number between two others; on a logarithmic scale where orders of magnitude matter."""

    low: float
    high: float
    log: bool = False
    kind: Literal["real"] = "real"

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, log=self.log)

    def suggest(self, trial: optuna.Trial, name: str) -> Plain:
        """Ask for a number."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True, slots=True)
class Stack:
    """Layers of equal width: a number of layers and a width, both whole numbers, so that any method can search it."""

    depth: tuple[int, int]
    width: tuple[int, int]
    kind: Literal["stack"] = "stack"

    def __post_init__(self) -> None:
        _check_range(*self.depth, log=False)
        _check_range(*self.width, log=True)

    def suggest(self, trial: optuna.Trial, name: str) -> Plain:
        """Ask for depth and width."""
        depth = trial.suggest_int(f"{name}.depth", *self.depth)
        return (trial.suggest_int(f"{name}.width", *self.width, log=True),) * depth


Dimension = Choice | Whole | Real | Stack
Space = Mapping[str, Dimension]

SPACES: Mapping[str, Space] = {
    "mlp": {"hidden": Stack((1, 3), (8, 256)), "learning_rate": Real(1e-4, 3e-2, log=True), "dropout": Real(0.0, 0.5)},
    "cnn": {"channels": Stack((1, 3), (8, 64)), "learning_rate": Real(1e-4, 1e-2, log=True), "dropout": Real(0.0, 0.5)},
    "rnn": {"units": Whole(8, 128, log=True), "learning_rate": Real(1e-4, 3e-2, log=True), "dropout": Real(0.0, 0.5)},
    "transformer": {
        "units": Choice((16, 32, 64, 128)),
        "layers": Whole(1, 3),
        "learning_rate": Real(1e-4, 1e-2, log=True),
        "dropout": Real(0.0, 0.5),
    },
}
"""Spaces to start from; recurrent networks of all kinds share that of ``rnn``."""


def default_space(network: str) -> Space:
    """Give the space to start from.

    Examples
    --------
    >>> sorted(default_space("gru"))
    ['dropout', 'learning_rate', 'units']
    """
    return SPACES["rnn"] if network in {"lstm", "gru"} else SPACES[network]


def check_space(space: Space, known: Mapping[str, object], method: str) -> None:
    """Refuse names that the model does not have, and choices where the method needs numbers.

    Raises
    ------
    TrainerError
        Names the dimension and the nearest parameter.

    Examples
    --------
    >>> check_space({"dropout": Real(0.0, 0.5)}, {"dropout": 0.0}, "tpe")
    """
    if not space:
        raise TrainerError("the space is empty; expected at least one parameter to search")
    for name, dimension in space.items():
        if name not in known:
            raise TrainerError(
                f"the space names {quote(name)}; parameters of the model are {quote_all(known, limit=50)}."
                f"{hint(name, known)}"
            )
        if not isinstance(dimension, Choice | Whole | Real | Stack):
            raise TrainerError(f"{quote(name)} is a {type(dimension).__name__}; expected Choice, Whole, Real or Stack")
        if method == "cmaes" and isinstance(dimension, Choice):
            raise TrainerError(
                f"{quote(name)} is a choice, which CMA-ES cannot search; expected Whole, Real or Stack, "
                "or method 'nsga2'"
            )
