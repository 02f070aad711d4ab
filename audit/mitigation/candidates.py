"""Methods: each proposes models of several strengths; one of them is chosen on validation rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from audit.errors import ConfigError, ModelError, hint, quote, quote_all
from audit.estimate.rates import RATES
from audit.mitigation.bench import Bench, FloatArray, Rows, Sealed, known_groups, names_of
from audit.mitigation.postprocess import fit_centered, lines_by_group, offsets_by_group
from audit.mitigation.reductions import best_response, multipliers
from audit.mitigation.rules import Scored, best_cuts
from audit.mitigation.shrinkage import share_of_gap
from audit.mitigation.tradeoff import required_tradeoff
from reports.record import Task

SEEDS = (1, 2)
"""Draws that show how much hangs on the rows."""
NEARLY_ALL = 0.95
"""Share of a correction from which on nothing is said of the rest."""
WIDTHS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12)
"""Widest gaps on validation rows that thresholds are chosen for."""
POWERS = (0.5, 1.0, 2.0, 3.0)
"""Powers of the weights: 1 makes group and outcome independent."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A model at one strength."""

    label: str
    trial: Sealed
    """What is compared on validation rows; has not seen them, unless the model itself had."""
    final: Callable[[], Sealed]
    """Make what is judged and written."""
    redrawn: Callable[[int], Sealed]
    """Make it again from rows drawn anew with a seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to narrow a gap."""

    name: str
    tasks: tuple[Task, ...]
    constraints: tuple[str, ...]
    reads_group: bool
    propose: Callable[[Bench], Iterator[Candidate]]
    trains: bool = True
    """Whether the model is trained anew, at each strength."""
    strict: bool = False
    """Whether the gap is to be as small as can be, and not only within the limit."""


SHARES = (0.5, 1.0)
"""Shares of a correction."""
STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0)
"""Weights of a penalty beside the mean loss."""

OF_CLASSES = ("demographic-parity", "equalized-odds", "equal-opportunity", "error-rate")


# --- thresholds -----------------------------------------------------------------------------------


def thresholds(bench: Bench) -> Iterator[Candidate]:
    """Propose thresholds by group, for several widths of the gap on validation rows."""
    twin, given = bench.twin(), bench.model.predictor
    rows = bench.rows("validation")
    large, small = known_groups(bench, rows)
    if len(large) < 2:
        raise ConfigError("fewer than two groups have 30 validation rows; thresholds cannot be chosen by group.")
    if small:
        bench.notes.append(
            f"{quote_all(names_of(bench, small))}: fewer than 30 validation rows, the old threshold stays"
        )
    scored, weighed = bench.scores_of(twin, rows), required_tradeoff(bench)
    cluster = None if bench.dataset.cluster is None else bench.dataset.cluster.take(rows)
    share = share_of_gap(scored, weighed.home, bench.constraint.rates, cluster)
    if share == 0:
        raise ModelError(
            f"{len(rows)} validation rows are too few to choose {len(large)} thresholds: groups differ by no more than "
            "chance alone makes of so many rows, and thresholds that follow chance widen a gap on new rows. Give more "
            "validation rows, or use another method."
        )
    if share < NEARLY_ALL:
        bench.notes.append(
            f"thresholds go {share:.0%} of the way that the validation rows suggest: chance explains the rest"
        )
    rule = partial(_rule, bench, large=large, small=small, home=weighed.home, share=share)

    for width in WIDTHS:
        fields = rule(scored, weighed.gain, width=width)
        yield Candidate(
            label="smallest possible gap" if width == 0 else f"gap up to {width:g}",
            trial=bench.seal(twin, thresholds=fields),
            final=lambda fields=fields: bench.seal(given, thresholds=fields),  # type: ignore[misc]
            redrawn=lambda seed, width=width: bench.seal(  # type: ignore[misc]
                given, thresholds=rule(*_redrawn(bench, scored, weighed.gain, seed), width=width)
            ),
        )


def _redrawn(bench: Bench, scored: Scored, gain: FloatArray, seed: int) -> tuple[Scored, FloatArray]:
    rows = bench.redrawn(np.arange(len(scored.score)), seed)
    return scored.take(rows), gain[rows]


def _rule(
    bench: Bench, scored: Scored, gain: FloatArray, *, large: list[int], small: list[int], width: float, home: float,
    share: float,
) -> dict[str, float]:  # fmt: skip
    """Choose cuts on rows of the large groups; small groups keep the old threshold."""
    place = np.full(len(bench.groups.levels), -1, dtype=np.intp)
    place[large] = np.arange(len(large))
    inside = place[scored.group] >= 0
    part = scored.take(inside)._replace(group=place[scored.group[inside]])
    reached = max(width, _resolution(bench, part))
    cuts = best_cuts(part, gain[inside], len(large), bench.constraint.rates, reached, home, share)
    fields = dict(zip(names_of(bench, large), (bench.sign() * cuts).tolist(), strict=True))
    return fields | dict.fromkeys(names_of(bench, small), bench.old_threshold()) if small else fields


def _resolution(bench: Bench, part: Scored) -> float:
    """Return the smallest gap that these rows can be asked for: one row of the smallest group and outcome."""
    counted = part.group if RATES[bench.constraint.rates[0]].of_all_rows else part.group[part.earned]
    least = int(np.bincount(counted, minlength=int(part.group.max()) + 1).min())
    finest = max(0.005, 1.0 / max(least, 1))
    return finest if len(bench.constraint.rates) == 1 else max(finest, 0.02)


# --- weights --------------------------------------------------------------------------------------


def cell_weights(bench: Bench, rows: Rows, power: float) -> FloatArray:
    """Return weights of rows by group and outcome, with the sum of the rows' own weights.

    For rates of outcomes, those of Kamiran and Calders (2012), P(group) P(outcome) / P(group, outcome); for errors
    and losses, those that let each group count alike. A power over 1 goes beyond.

    Parameters
    ----------
    bench : Bench
    rows : ndarray of positions
    power : float
    """
    group = bench.groups.codes[rows].astype(np.int64)
    own = bench.weight(rows)
    levels = len(bench.groups.levels)
    by_group = np.bincount(group, own, levels)
    if bench.constraint.name in ("error-rate", "bounded-group-loss"):
        factor = (own.sum() / np.count_nonzero(by_group) / np.maximum(by_group, 1e-12))[group]
    else:
        y = bench.dataset.y[rows].astype(np.int64)
        classes = len(bench.dataset.classes)
        cells = np.bincount(group * classes + y, own, levels * classes).reshape(levels, classes)
        expected = np.outer(by_group, cells.sum(axis=0)) / own.sum()
        factor = (expected / np.maximum(cells, 1e-12))[group, y]
    weight = own * factor**power
    return np.asarray(weight * own.sum() / weight.sum())


def reweigh(bench: Bench) -> Iterator[Candidate]:
    """Propose the model trained anew on weighted rows."""
    for power in POWERS:
        yield _train(
            bench,
            f"weights to the power of {power:g}",
            lambda rows, seed, power=power: bench.seal(  # type: ignore[misc]
                bench.refit(rows, weight=cell_weights(bench, rows, power), seed=seed)
            ),
        )


def resample(bench: Bench) -> Iterator[Candidate]:
    """Propose the model trained anew on rows that are drawn as their weights say."""
    for power in POWERS:
        yield _train(
            bench,
            f"drawn by weights to the power of {power:g}",
            lambda rows, seed, power=power: bench.seal(  # type: ignore[misc]
                bench.refit(_drawn(bench, rows, power, seed), seed=seed)
            ),
        )


def _drawn(bench: Bench, rows: Rows, power: float, seed: int) -> Rows:
    """Draw systematically: each row as often as its weight says, give or take one (Madow 1949)."""
    weight = cell_weights(bench, rows, power) / bench.weight(rows)
    outcome = np.zeros(len(rows)) if bench.dataset.task == "regression" else bench.dataset.y[rows]
    order = np.lexsort((outcome, bench.groups.codes[rows]))  # cells one after the other: each has its share
    expected = np.cumsum(weight[order] * len(rows) / weight.sum())
    start = np.random.default_rng([bench.seed, seed, 7]).random()
    times = np.diff(np.floor(np.concatenate([[0.0], expected]) + start)).astype(np.intp)
    return np.sort(np.repeat(rows[order], times))


def _train(bench: Bench, label: str, make: Callable[[Rows, int], Sealed]) -> Candidate:
    """Return a candidate that is trained: on a part to be chosen, on all training rows to be judged."""
    trial = make(bench.rows("train"), 0)
    return Candidate(
        label=label,
        trial=trial,
        final=(lambda: make(bench.everything, 0)) if bench.carved else (lambda: trial),
        redrawn=lambda seed: make(bench.redrawn(bench.everything, seed), seed),
    )


# --- fits under a constraint -----------------------------------------------------------------------


def reduction(bench: Bench) -> Iterator[Candidate]:
    """Propose the models that answer best to fairlearn's multipliers."""
    count = 0
    for label, multiplier in list(multipliers(bench)):
        try:
            yield _train(
                bench,
                label,
                lambda rows, seed, multiplier=multiplier: bench.seal(  # type: ignore[misc]
                    best_response(bench, rows, multiplier, seed)
                ),
            )
            count += 1
        except ModelError as error:
            bench.notes.append(f"{label}: {error}")
    if not count:
        raise ModelError("at every strength the model gives all rows the same answer. Use another method.")


def penalty(bench: Bench) -> Iterator[Candidate]:
    """Propose the network trained anew with a penalty on the gap in its loss."""
    from trainers.penalty import GapPenalty

    good = bench.labels()[bench.favorable] if bench.favorable >= 0 and bench.dataset.task != "regression" else None

    def make(rows: Rows, seed: int, strength: float) -> Sealed:
        added = GapPenalty(
            groups=bench.groups.codes[rows], strength=strength, constraint=bench.constraint.name, favorable=good
        )
        return bench.seal(bench.refit(rows, seed=seed, penalty=added))

    for strength in STRENGTHS:
        yield _train(bench, f"penalty of strength {strength:g}", partial(make, strength=strength))


def remove_correlation(bench: Bench) -> Iterator[Candidate]:
    """Propose the model trained on columns without (a share of) what the group explains linearly."""

    def make(rows: Rows, seed: int, share: float) -> Sealed:
        fitted, shifts = fit_centered(bench, rows, share, seed)
        return bench.seal(fitted, shifts=shifts)

    for share in SHARES:
        yield _train(bench, f"{share:.0%} of the correlation removed", partial(make, share=share))


# --- calibration ----------------------------------------------------------------------------------


def group_calibration(bench: Bench) -> Iterator[Candidate]:
    """Propose scores that mean the same in every group; in regression, answers that are right on average in each."""
    yield from _mean_errors(bench) if bench.dataset.task == "regression" else _lines(bench)


def _lines(bench: Bench) -> Iterator[Candidate]:
    twin, given, rows = bench.twin(), bench.model.predictor, bench.rows("validation")
    scored, weighed = bench.scores_of(twin, rows), required_tradeoff(bench)
    limit = weighed.grants_at if bench.sign() > 0 else 1 - weighed.grants_at
    by_share = {share: lines_by_group(bench, scored, share) for share in SHARES}
    _require_difference(bench, map(tuple, by_share[1.0].values()), "scores mean something else by group")
    for share, lines in by_share.items():
        yield Candidate(
            label=f"{share:.0%} of the way to lines by group",
            trial=bench.seal(twin, calibration=lines, thresholds=limit),
            final=lambda lines=lines: bench.seal(given, calibration=lines, thresholds=limit),  # type: ignore[misc]
            redrawn=lambda seed, share=share: bench.seal(  # type: ignore[misc]
                given,
                calibration=lines_by_group(bench, _redrawn(bench, scored, weighed.gain, seed)[0], share),
                thresholds=limit,
            ),
        )


def _mean_errors(bench: Bench) -> Iterator[Candidate]:
    twin, given, rows = bench.twin(), bench.model.predictor, bench.rows("validation")
    by_share = {share: offsets_by_group(bench, twin, rows, share) for share in SHARES}
    _require_difference(bench, by_share[1.0].values(), "mean errors differ by group")
    for share, offsets in by_share.items():
        yield Candidate(
            label=f"{share:.0%} of each group's mean error",
            trial=bench.seal(twin, offsets=offsets),
            final=lambda offsets=offsets: bench.seal(given, offsets=offsets),  # type: ignore[misc]
            redrawn=lambda seed, share=share: bench.seal(  # type: ignore[misc]
                given, offsets=offsets_by_group(bench, twin, bench.redrawn(rows, seed), share)
            ),
        )


def _require_difference(bench: Bench, rules: Iterable[object], what: str) -> None:
    if len(set(rules)) < 2:
        raise ModelError(
            f"{len(bench.rows('validation'))} validation rows do not show that {what}: chance alone explains what "
            "differs. Give more validation rows, or use another method."
        )


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            name="reweigh", tasks=("binary", "multiclass", "regression"),
            constraints=(*OF_CLASSES, "bounded-group-loss"), reads_group=False, propose=reweigh,
        ),
        Method(
            name="resample", tasks=("binary", "multiclass", "regression"),
            constraints=(*OF_CLASSES, "bounded-group-loss"), reads_group=False, propose=resample,
        ),
        Method(
            name="thresholds", tasks=("binary",), constraints=OF_CLASSES, reads_group=True, propose=thresholds,
            trains=False, strict=True,
        ),
        Method(
            name="relaxed-thresholds", tasks=("binary",), constraints=OF_CLASSES, reads_group=True,
            propose=thresholds, trains=False,
        ),
        Method(
            name="reduction", tasks=("binary", "regression"), constraints=(*OF_CLASSES, "bounded-group-loss"),
            reads_group=False, propose=reduction,
        ),
        Method(
            name="penalty", tasks=("binary", "multiclass", "regression"),
            constraints=(*OF_CLASSES, "bounded-group-loss"), reads_group=False, propose=penalty,
        ),
        Method(
            name="remove-correlation", tasks=("binary", "multiclass", "regression"),
            constraints=(*OF_CLASSES, "bounded-group-loss"), reads_group=True, propose=remove_correlation,
        ),
        Method(
            name="group-calibration", tasks=("binary", "regression"), constraints=(*OF_CLASSES, "bounded-group-loss"),
            reads_group=True, propose=group_calibration, trains=False,
        ),
    )
}  # fmt: skip


def method(name: str, task: Task, constraint: str) -> Method:
    """Look a method up.

    Raises
    ------
    ConfigError
        If there is none of that name, or it does not fit task and constraint; the text names those that do.

    Examples
    --------
    >>> method("tresholds", "binary", "equalized-odds")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    audit.errors.ConfigError: no method 'tresholds'; there are ...
    """
    if name not in METHODS:
        raise ConfigError(f"no method {quote(name)}; there are {quote_all(METHODS, limit=20)}.{hint(name, METHODS)}")
    choice = METHODS[name]
    fitting = [method.name for method in METHODS.values() if task in method.tasks and constraint in method.constraints]
    if choice.name not in fitting:
        raise ConfigError(
            f"method {name} does not go with a {task} task and {constraint}; these do: {quote_all(fitting, limit=20)}."
        )
    return choice
