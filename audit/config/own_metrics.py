"""``[metrics]`` and ``run(metrics=…)``: functions of the user's own become metrics that the house can call."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from audit.errors import ConfigError, hint, quote, quote_all
from audit.estimate.metrics import METRICS
from audit.evidence import OwnMetric
from audit.models.objects import import_object
from reports.record import Json

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
ENDINGS = ("_difference", "_ratio", "_gain")
"""What is made of metrics, so that no metric may be called like it."""
SCORES = frozenset({"y_score", "y_prob", "y_proba", "y_probas", "y_pred_proba", "score", "scores", "probabilities"})
"""Names of a second parameter that asks for scores; any other asks for predictions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTable:
    """``[metrics.<name>]``: a function of your own, with what cannot be read off it."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 -- read by pydantic

    function: str
    """``package.module:function``, or the name of a scikit-learn scorer."""
    better: Literal["higher", "lower", "neither"] = "higher"
    bounds: list[float] = field(default_factory=list)
    """Least and greatest number there can be."""
    trust: bool = False
    """Your word that a module which does not stand below the configuration may run."""


def metrics_from_tables(tables: Mapping[str, str | MetricTable], folder: Path) -> dict[str, OwnMetric]:
    """Import the functions that ``[metrics]`` names.

    Raises
    ------
    ConfigError, ModelError
        If a name is taken, or there is no such function, or it cannot be called as a metric.
    """
    metrics = {}
    for name, stated in tables.items():
        table = MetricTable(function=stated) if isinstance(stated, str) else stated
        _require_name(name)
        given = _name(name, table, folder)
        metrics[name] = _make(name, given, table.function, table.better, table.bounds)
    return metrics


def metrics_from_objects(given: Mapping[str, object] | None) -> dict[str, OwnMetric]:
    """Read what ``run(metrics=…)`` was given: functions, scorers, names of scorers, or mappings as ``[metrics]`` has.

    Raises
    ------
    ConfigError
        If a name is taken, or something cannot be called as a metric.

    Examples
    --------
    >>> from sklearn.metrics import f1_score
    >>> found = metrics_from_objects({"f_one": f1_score})["f_one"]
    >>> found.reads, found.weighs
    ('y_pred', True)
    >>> metrics_from_objects({"recall": f1_score})
    Traceback (most recent call last):
    audit.errors.ConfigError: [metrics] 'recall' is a built-in metric; give yours another name.
    """
    metrics = {}
    for name, stated in (given or {}).items():
        _require_name(name)
        table = dict(stated) if isinstance(stated, Mapping) else {"function": stated}
        known = ("function", "better", "bounds")
        for key in table:
            if key not in known:
                raise ConfigError(
                    f"[metrics] {name} has no key {quote(key)}; it has {quote_all(known)}.{hint(key, known)}"
                )
        function = table.get("function")
        origin = function if isinstance(function, str) else _origin(function)
        if isinstance(function, str):
            function = _scorer(name, function)
        better, bounds = table.get("better", "higher"), table.get("bounds", ())
        if better not in ("higher", "lower", "neither"):
            raise ConfigError(f"[metrics] {name}: better is {quote(better)}; expected 'higher', 'lower' or 'neither'.")
        if not isinstance(bounds, list | tuple):
            raise ConfigError(f"[metrics] {name}: bounds is {quote(bounds)}; expected two increasing numbers.")
        metrics[name] = _make(name, function, origin, better, bounds)
    return metrics


def describe_code(metrics: Mapping[str, OwnMetric]) -> dict[str, Json]:
    """Say for the record which code ran: ``{name: {"function": …, "better": …}}``."""
    return {
        name: {"function": metric.origin, "better": metric.better, "runs_code": True}
        for name, metric in metrics.items()
    }


def _require_name(name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(f"[metrics] {quote(name)}: expected small letters, digits and _, beginning with a letter.")
    if name in METRICS or name == "headline":
        raise ConfigError(f"[metrics] {quote(name)} is a built-in metric; give yours another name.")
    if name.endswith(ENDINGS):
        raise ConfigError(
            f"[metrics] {quote(name)} has an ending that is reserved for derived metrics ({', '.join(ENDINGS)})."
        )


def _name(name: str, table: MetricTable, folder: Path) -> object:
    if ":" not in table.function:
        return _scorer(name, table.function)
    return import_object(f"[metrics] {name}", table.function, folder, trust=table.trust, trusted_by=f"[metrics.{name}]")


def _scorer(name: str, scorer: str) -> object:
    from sklearn.metrics import get_scorer, get_scorer_names

    if scorer not in get_scorer_names():
        raise ConfigError(
            f"[metrics] {name} is {quote(scorer)}; expected 'package.module:function' or the name of a scikit-learn "
            f"scorer.{hint(scorer, get_scorer_names())}"
        )
    value: object = get_scorer(scorer)
    return value


def _origin(function: object) -> str:
    plain = getattr(function, "_score_func", function)
    module, name = getattr(plain, "__module__", ""), getattr(plain, "__qualname__", type(plain).__name__)
    return f"{module}:{name}"


def _make(
    name: str, function: object, origin: str, better: Literal["higher", "lower", "neither"], bounds: object
) -> OwnMetric:
    if not callable(function):
        raise ConfigError(
            f"[metrics] {name} is a {type(function).__name__}; expected a function (y_true, y_pred) or "
            "(y_true, y_score), with or without sample_weight, or a scikit-learn scorer."
        )
    low, high = _bounds(name, bounds)
    if hasattr(function, "_score_func"):
        return OwnMetric(
            name=name, function=function, origin=origin, reads="scorer", weighs=_weighs(function._score_func),
            better=better, bounds=(low, high),
        )  # fmt: skip
    second = _second_parameter(name, function)
    return OwnMetric(
        name=name, function=function, origin=origin, reads="y_score" if second in SCORES else "y_pred",
        weighs=_weighs(function), better=better, bounds=(low, high),
    )  # fmt: skip


def _bounds(name: str, bounds: object) -> tuple[float, float]:
    if not isinstance(bounds, list | tuple) or not bounds:
        return -math.inf, math.inf
    numbers = [float(bound) for bound in bounds if isinstance(bound, int | float) and not isinstance(bound, bool)]
    if len(numbers) != 2 or len(bounds) != 2 or not numbers[0] < numbers[1]:
        raise ConfigError(f"[metrics] {name}: bounds is {quote(bounds)}; expected two increasing numbers.")
    return numbers[0], numbers[1]


def _parameters(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # code that is not Python's does not say what it takes
        return {}


def _weighs(function: Callable[..., object]) -> bool:
    return "sample_weight" in _parameters(function)


def _second_parameter(name: str, function: Callable[..., object]) -> str:
    """Return what the second parameter is called; a third that must be given cannot be."""
    parameters = _parameters(function)
    plain = [
        parameter
        for parameter in parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    open_ended = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters.values())
    must = [
        parameter.name
        for parameter in parameters.values()
        if parameter.default is parameter.empty and parameter.kind is parameter.KEYWORD_ONLY
    ]
    must += [parameter.name for parameter in plain[2:] if parameter.default is parameter.empty]
    unknown = [text for text in must if text != "sample_weight"]
    if parameters and ((len(plain) < 2 and not open_ended) or unknown):
        text = f"({', '.join(parameters)})"
        raise ConfigError(
            f"[metrics] {name} takes {text}; expected (y_true, y_pred) or (y_true, y_score), and sample_weight if "
            "it counts weights. Bind what else it needs, e.g. with functools.partial."
        )
    return plain[1].name if len(plain) > 1 else ""
