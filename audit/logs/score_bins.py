"""Scores become bins on the logit scale and sums in fixed point, step by step so that no step is written out twice.

Bins of 1/64 are fine where rare events have their scores. Single precision is widened before anything is computed,
because engines round it differently.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.errors import DataError, quote
from audit.logs.cells import FIXED, sum_of
from audit.logs.faults import NO_SUM, NOT_FINITE, OUTSIDE
from audit.logs.joining import quote_sql
from audit.logs.numbers import is_share, whole

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

BINS_PER_LOGIT = 64
BINS_OF_MANY = 16
"""Per logit where there are scores of several classes, whose bins are crossed."""
SUM_SLACK = 1e-3
"""How far the scores of a row may be from summing to 1."""
EDGE = 1e-9
"""Scores nearer to 0 or 1 than this share the outermost bins."""
NUDGE = 2.0**-20
"""Logarithms of two engines differ in their last bits; bins begin a little below their edge so that none matters."""


def raw(place: str) -> str:
    """Return what the score of a bin is called before it is binned."""
    return f"raw {place}"


def raw_scores(scores: dict[str, str], schema: dict[str, Any]) -> dict[str, nw.Expr]:
    """Return the scores in double precision, under the names that :func:`with_bins` takes them by.

    Parameters
    ----------
    scores : dict of str to str
        Place of the bin → column.
    schema : dict

    Raises
    ------
    DataError
        If a column holds anything but numbers.
    """
    import narwhals.stable.v2 as nw

    for name in scores.values():
        if not schema[name].is_numeric():
            raise DataError(f"score column {quote(name)} holds {schema[name]}; expected numbers.")
    return {raw(place): nw.col(name).cast(nw.Float64) for place, name in scores.items()}


def with_bins(frame: nw.LazyFrame[Any], places: Sequence[str], *, decide: bool) -> nw.LazyFrame[Any]:
    """Add the bin and the whole sum of each score, why scores of several classes fail, and what they decide.

    Parameters
    ----------
    frame : LazyFrame
        With what :func:`raw_scores` returns.
    places : sequence of str
    decide : bool
        Whether the answer follows from the scores.
    """
    import narwhals.stable.v2 as nw

    columns = {place: nw.col(raw(place)) for place in places}
    inside = {place: is_share(score) for place, score in columns.items()}
    core = {place: is_share(score, EDGE) for place, score in columns.items()}
    frame = frame.with_columns(**{f"core {place}": expression for place, expression in core.items()})
    frame = frame.with_columns(
        **{f"used {place}": _choose(inside[place], columns[place], nw.lit(0.0)) for place in places},
        **{f"odds {place}": _of_core(place, nw.lit(0.5)) for place in places},
    )
    frame = frame.with_columns(
        **{f"odds {place}": nw.col(f"odds {place}") / (1.0 - nw.col(f"odds {place}")) for place in places}
    )
    frame = _with_log_odds(frame, places)
    per_logit = BINS_PER_LOGIT if len(places) == 1 else BINS_OF_MANY
    expressions = {place: _bin(place, inside[place], per_logit) for place in places}
    expressions |= {sum_of(place): whole(nw.col(f"used {place}") * FIXED) for place in places}
    if len(places) > 1:
        expressions["bin"] = _fault(places, inside)
    if decide:
        expressions["predicted"] = _likeliest(places)
    return frame.with_columns(**expressions)


def _with_log_odds(frame: nw.LazyFrame[Any], places: Sequence[str]) -> nw.LazyFrame[Any]:
    """Add natural logarithms; those that Narwhals writes for DuckDB take a tenth of all counting more."""
    import narwhals.stable.v2 as nw

    if frame.implementation.is_duckdb():
        logs = (f"ln({quote_sql(f'odds {place}')}) AS {quote_sql(f'log odds {place}')}" for place in places)
        shaped: nw.LazyFrame[Any] = nw.from_native(frame.to_native().project(", ".join(["*", *logs])))
        return shaped
    return frame.with_columns(**{f"log odds {place}": nw.col(f"odds {place}").log() for place in places})


def _of_core(place: str, other: nw.Expr) -> nw.Expr:
    import narwhals.stable.v2 as nw

    return _choose(nw.col(f"core {place}"), nw.col(raw(place)), other)


def _choose(condition: nw.Expr, expression: nw.Expr, other: nw.Expr) -> nw.Expr:
    import narwhals.stable.v2 as nw

    return nw.when(condition).then(expression).otherwise(other)


def _is_finite(place: str) -> nw.Expr:
    import narwhals.stable.v2 as nw

    score = nw.col(raw(place))
    return (~score.is_null()) & score.is_finite()


def _bin(place: str, inside: nw.Expr, per_logit: int) -> nw.Expr:
    """Return the bin of a score; what cannot be used has bins of its own."""
    import narwhals.stable.v2 as nw

    outermost = [math.floor(sign * math.log(EDGE / (1 - EDGE)) * per_logit + NUDGE) for sign in (1, -1)]
    edge = _choose(nw.col(raw(place)) < 0.5, nw.lit(outermost[0]), nw.lit(outermost[1]))
    fault = _choose(_is_finite(place), nw.lit(OUTSIDE), nw.lit(NOT_FINITE))
    at = (nw.col(f"log odds {place}") * per_logit + NUDGE).floor().cast(nw.Int64)
    return _choose(nw.col(f"core {place}"), at, _choose(inside, edge, fault))


def _likeliest(places: Sequence[str]) -> nw.Expr:
    """Return the place of the largest score; of a single one whether it is at least a half."""
    import narwhals.stable.v2 as nw

    used = [nw.col(f"used {place}") for place in places]
    if len(used) == 1:
        return (used[0] >= 0.5).cast(nw.Int64)
    best, place = used[0], nw.lit(0)
    for at, score in enumerate(used[1:], start=1):
        place = nw.when(score > best).then(nw.lit(at)).otherwise(place)
        best = nw.when(score > best).then(score).otherwise(best)
    return place.cast(nw.Int64)


def _fault(places: Sequence[str], inside: dict[str, nw.Expr]) -> nw.Expr:
    """Return why the scores of a row cannot be used, or 0."""
    import narwhals.stable.v2 as nw

    total, numbers, shares = nw.lit(-1.0), nw.lit(0), nw.lit(0)
    for place in places:
        total = total + nw.col(f"used {place}")
        numbers = numbers + _is_finite(place).cast(nw.Int64)
        shares = shares + inside[place].cast(nw.Int64)
    summed = (total <= SUM_SLACK) & (total >= -SUM_SLACK)
    kind = nw.when(summed).then(nw.lit(0)).otherwise(nw.lit(NO_SUM))
    kind = nw.when(shares >= len(places)).then(kind).otherwise(nw.lit(OUTSIDE))
    return nw.when(numbers >= len(places)).then(kind).otherwise(nw.lit(NOT_FINITE)).cast(nw.Int64)
