"""The only code that calls a model.

Each module of this folder gathers one kind of evidence: its name is the name that checks ask for,
and its function ``gather(context, *, options)`` does the work. Evidence is gathered once, when the
first check that wants it runs, and never when no chosen check does.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import math
import pkgutil
import time
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, overload

import numpy as np

from audit.data.dataset import Dataset
from audit.errors import AuditError, ConfigError, MissingExtra, NotApplicable, hint, quote, quote_all
from audit.evidence import Absence, Settings
from audit.models.cost import affordable, learnable
from audit.models.exchange import BudgetSpent, EndpointError
from audit.models.load import Model
from audit.models.random_states import seed_global_generators
from audit.models.threads import thread_limit
from audit.progress import Progress, silent
from reports.record import Json

Kind = TypeVar("Kind")
GIVEN = {
    "baseline": "needs an earlier audit to compare with: name its record with --baseline main.json",
    "source_model": "for compressed models only: name the uncompressed model with [model] source",
    "mitigated": "for mitigated models only: modelassay mitigate compares a model before and after",
    "windows": "needs a log with a time column: modelassay monitor compares its windows over time",
    "fingerprints": "needs fingerprints to compare with: state them as [model] sha256 and [data.sha256] test",
}
"""Evidence that nobody gathers: why it is absent unless the plan brings it."""

QUICK = frozenset({"predictions", "pairing"})
"""What a quick audit gathers: nothing that fits a model again or asks it about changed rows."""

SMALL = 500_000
"""Numbers of a table below which one thread works: several would wait for each other."""
LATE = "stopped at the run's time limit"
"""What a note says of evidence that the clock cut short."""


class Kept(Protocol):
    """Where evidence is kept until the run ends; see :mod:`audit.gather._resume`."""

    def read(self, name: str) -> tuple[object, tuple[str, ...]] | None:
        """Return evidence and what was said while it was gathered, or ``None``."""

    def write(self, name: str, value: object, said: tuple[str, ...]) -> None:
        """Keep evidence."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Context:
    """What gatherers work with; it remembers what was gathered.

    ``context.need("predictions", Predictions)`` returns evidence and raises :class:`NotApplicable` where there is
    none; ``context("predictions")`` returns an :class:`~audit.evidence.predictions.Absence` instead.
    """

    model: Model | None
    dataset: Dataset
    settings: Settings
    seed: int = 0
    options: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Options by gatherer, from ``[gather.<name>]``."""
    progress: Progress = silent
    left_out: str = ""
    """Why the model is asked for its answers alone, and other evidence is absent; ``""`` where nothing is left out."""
    deadline: float = math.inf
    """Time of the monotonic clock after which no new work begins: the clock aborts, it never sets a budget."""
    collected: dict[str, object] = field(default_factory=dict)
    kept: Kept | None = None
    """Evidence of the same audit that an interrupted run left, where there may be some."""
    warnings: list[str] = field(default_factory=list)

    def generator(self, name: str) -> np.random.Generator:
        """Make the generator of `name`: adding a gatherer never moves another's numbers."""
        return np.random.default_rng(derived_seed(self.seed, name))

    def __call__(self, name: str) -> object:
        """Return evidence `name`, gathering it the first time."""
        if name not in self.collected:
            self.collected[name] = self._given(name) or self._gather(name)
        return self.collected[name]

    @overload
    def need(self, name: str) -> object: ...

    @overload
    def need(self, name: str, kind: type[Kind]) -> Kind: ...

    def need(self, name: str, kind: type = object) -> object:
        """Return evidence `name` for another gatherer.

        Raises
        ------
        NotApplicable
            If there is none, with the reason.
        TypeError
            If it is not of the kind that the name stands for.
        """
        value = self(name)
        if isinstance(value, Absence):
            raise (MissingExtra if value.outcome == "skipped" else NotApplicable)(value.reason)
        if not isinstance(value, kind):
            raise TypeError(f"evidence {name!r} is a {type(value).__name__}; expected a {kind.__name__}")
        return value

    def require_model(self) -> Model:
        """Return the model, for gatherers that call it.

        Raises
        ------
        NotApplicable
            If the audit has predictions only.
        """
        if self.model is None:
            raise NotApplicable("needs the model, and this audit was given predictions only: name it with [model] path")
        return self.model

    def late(self) -> bool:
        """Tell whether the run's time limit has passed; whoever stops for it says in a note what is missing."""
        return time.monotonic() > self.deadline

    def affordable(self, evaluations: int) -> int:
        """Return how many rows the model may be asked for by a budget: fewer where it is large."""
        return affordable(evaluations, self.require_model().predictor)

    def learnable(self, rows: int) -> int:
        """Return how many training rows refits may learn from by a budget: fewer where the model learns slowly."""
        return learnable(rows, self.require_model().predictor)

    def _given(self, name: str) -> object | None:
        if name == "settings":
            return self.settings
        return Absence(outcome="not_applicable", reason=GIVEN[name]) if name in GIVEN else None

    def _gather(self, name: str) -> object:  # noqa: C901 -- one clause an outcome
        if name not in available():
            known = (*available(), *GIVEN, "dataset", "artifact", "card", "settings")
            return Absence(outcome="error", reason=f"no gatherer brings {quote(name)}.{hint(name, known)}".rstrip("."))
        if self.left_out and name not in QUICK:
            return Absence(outcome="skipped", reason=self.left_out)
        if self.kept is not None and (left := self.kept.read(name)) is not None:
            self._note(name, list(left[1]))
            return left[0]
        try:
            module = importlib.import_module(f"audit.gather.{name}")
            with (
                warnings.catch_warnings(record=True) as caught,
                seed_global_generators(derived_seed(self.seed, name)),
                threads_for(self.dataset),
            ):
                warnings.simplefilter("always")
                value: object = module.gather(self, **self.options.get(name, {}))
            said = [str(warning.message) for warning in caught]
            self._note(name, said)
            if self.kept is not None and not self.late():  # what the clock cut short is no one's evidence
                self.kept.write(name, value, tuple(said))
        except NotApplicable as reason:
            return Absence(outcome="not_applicable", reason=str(reason))
        except (MissingExtra, BudgetSpent) as reason:
            if name == "predictions" and isinstance(reason, BudgetSpent):
                raise
            return Absence(outcome="skipped", reason=str(reason))
        except EndpointError:  # an endpoint out of order ends the audit; a rerun goes on from its cache
            raise
        except AuditError as error:
            if name == "predictions":  # without answers there is no audit; anything else is a finding
                raise
            return Absence(outcome="error", reason=str(error))
        except Exception as error:
            return Absence(outcome="error", reason=f"{type(error).__name__}: {str(error)[:500]}")
        except (SystemExit, GeneratorExit) as error:  # a model may raise them where it is cloned or explained
            return Absence(outcome="error", reason=f"the model tried to end the program ({type(error).__name__})")
        return value

    def _note(self, name: str, messages: list[str]) -> None:
        for message in dict.fromkeys(" ".join(text.split())[:300] for text in messages):
            line = f"while gathering {name}: {message}"
            if line not in self.warnings and len(self.warnings) < 50:
                self.warnings.append(line)


def threads_for(dataset: Dataset) -> AbstractContextManager[object]:
    """Keep numeric libraries to one thread where the table is small; the numbers are the same with any number.

    Examples
    --------
    >>> from audit.data.dataset import Roles, build
    >>> import pandas as pd
    >>> with threads_for(build({"test": pd.DataFrame({"a": [1, 2], "y": [0, 1]})}, Roles(target="y"))):
    ...     pass
    """
    small = len(dataset) * max(1, len(dataset.features)) < SMALL
    return thread_limit(1) if small else nullcontext()


def derived_seed(seed: int, name: str) -> int:
    """Derive a seed from the run's seed and a name.

    Examples
    --------
    >>> derived_seed(0, "folds") == derived_seed(0, "folds") != derived_seed(0, "explain")
    True
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def available() -> tuple[str, ...]:
    """Name the evidence that can be gathered: the modules of this folder.

    Examples
    --------
    >>> "predictions" in available()
    True
    """
    return tuple(
        sorted(
            iter_module.name for iter_module in pkgutil.iter_modules(__path__) if not iter_module.name.startswith("_")
        )
    )


def options_of(name: str) -> dict[str, Json]:
    """Return a gatherer's options with their defaults."""
    parameters = inspect.signature(importlib.import_module(f"audit.gather.{name}").gather).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def check_options(options: Mapping[str, Mapping[str, Json]]) -> None:
    """Refuse options of gatherers that do not exist.

    Raises
    ------
    ConfigError
        Naming the unknown word and the nearest known one.
    """
    for name, values in options.items():
        if name not in available():
            raise ConfigError(
                f"[gather.{name}]: no such evidence; there is {quote_all(available())}." + hint(name, available())
            )
        known = options_of(name)
        for option in values:
            if option not in known:
                raise ConfigError(
                    f"[gather.{name}] has no option {quote(option)}; it has {quote_all(known) or 'none'}."
                    + hint(option, known)
                )
