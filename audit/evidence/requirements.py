"""What a question needs of the evidence it was given, and the one sentence that says why it does not arise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from audit.errors import ConfigError, NotApplicable, hint, quote, quote_all
from audit.evidence.predictions import Absence, Predictions

Given = Mapping[str, object]


class Table(Protocol):
    """What is read from a :class:`audit.data.dataset.Dataset`."""

    features: tuple[str, ...]
    sensitive: Mapping[str, object]
    cluster: object | None

    def has(self, split: str, /) -> bool:
        """Tell whether a split has rows."""


class Requirement(NamedTuple):
    """One thing that may be missing."""

    reason: str
    holds: Callable[[Given], bool]
    evidence: tuple[str, ...]
    """Evidence that is checked: the first of these that is there."""


def _holder(given: Given, *names: str) -> object:
    return next((given[name] for name in names if not isinstance(given.get(name), Absence | None)), None)


def _table(given: Given) -> Table:
    return _holder(given, "dataset")  # type: ignore[return-value]


def _answers(given: Given) -> Predictions:
    return _holder(given, "predictions")  # type: ignore[return-value]


def _probabilities(given: Given) -> bool:
    return _answers(given).y_score is not None and _answers(given).probabilities


def _time(given: Given) -> bool:
    return getattr(getattr(_table(given), "roles", None), "time", None) is not None


_TABLE, _ANSWERS = ("dataset",), ("predictions",)
REQUIREMENTS: Mapping[str, Requirement] = {
    "sensitive": Requirement(
        'needs sensitive features: name them with [data] sensitive = ["sex"]',
        lambda given: bool(getattr(_holder(given, "dataset", "predictions"), "sensitive", ())),
        ("dataset", "predictions"),
    ),
    "train": Requirement(
        'needs training rows: name their table with [data] train = "train.csv"',
        lambda given: _table(given).has("train"),
        _TABLE,
    ),
    "train_answers": Requirement(
        "needs predictions for training rows: name a model and [data] train",
        lambda given: _answers(given).has(split="train"),
        _ANSWERS,
    ),
    "test": Requirement(
        "needs test rows: name their table with [data] test",
        lambda given: _test_rows(given) > 0,
        ("predictions", "dataset"),
    ),
    "features": Requirement(
        "needs features; the table has no column left for them", lambda given: bool(_table(given).features), _TABLE
    ),
    "scores": Requirement("the model gives no scores", lambda given: _answers(given).y_score is not None, _ANSWERS),
    "probabilities": Requirement("the scores are not probabilities", _probabilities, _ANSWERS),
    "cluster": Requirement(
        'needs clusters: name their column with [data] cluster = "person"',
        lambda given: _table(given).cluster is not None,
        _TABLE,
    ),
    "time": Requirement('needs times: name their column with [data] time = "date"', _time, _TABLE),
    "attributions": Requirement(
        "no attributions were computed; see the check of attributions for the reason",
        lambda given: bool(given["attributions"]),
        ("attributions",),
    ),
}
"""Everything that checks and gatherers may require, by its name."""


def _test_rows(given: Given) -> float:
    answers = _holder(given, "predictions")
    if isinstance(answers, Predictions):
        test = answers.select(split="test") if "split" in answers.keys else answers
        return float(test.total)
    return float(np.size(_table(given).rows("test")))  # type: ignore[attr-defined]


def requirement_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of requirements.

    Raises
    ------
    ConfigError
        For one that does not exist; the message names the nearest.

    Examples
    --------
    >>> requirement_names(["train"])
    ('train',)
    """
    wanted = tuple(names)
    for name in wanted:
        if name not in REQUIREMENTS:
            there = quote_all(REQUIREMENTS, limit=20)
            raise ConfigError(f"no requirement is called {quote(name)}; there are {there}.{hint(name, REQUIREMENTS)}")
    return wanted


def lacking(names: Iterable[str], given: Given) -> str:
    """Return why a question does not arise on the evidence given; ``""`` where it does.

    What asks for evidence that was not given is left to whoever wanted it.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.zeros(1), y_pred=np.zeros(1))
    >>> lacking(("test", "sensitive"), {"predictions": answers})
    'needs sensitive features: name them with [data] sensitive = ["sex"]'
    """
    for name in names:
        requirement = REQUIREMENTS[name]
        holder = _holder(given, *requirement.evidence)
        if holder is not None and not requirement.holds(given):
            reason = getattr(holder, "score_reason", "") if name in ("scores", "probabilities") else ""
            return reason or requirement.reason
    return ""


def require_evidence(*names: str, **given: object) -> None:
    """Raise :class:`~audit.errors.NotApplicable` where a question does not arise on the evidence given.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.zeros(1), y_pred=np.zeros(1))
    >>> require_evidence("test", predictions=answers)
    """
    if reason := lacking(requirement_names(names), given):
        raise NotApplicable(reason)
