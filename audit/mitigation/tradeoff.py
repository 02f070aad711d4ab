"""How the two mistakes are weighed: as ``[costs]`` say, else as the model's own threshold does.

A threshold is best where a calibrated probability reaches the share that a wrongly given favorable answer has in the
costs of both mistakes (Elkan 2001). Read the other way round, the threshold that a model has tells its costs; by
these, a model without a gap stays where it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audit.costs import Costs
from audit.errors import ModelError
from audit.mitigation.bench import Bench, FloatArray
from audit.mitigation.postprocess import platt_line, share_at
from audit.mitigation.rules import best_cuts

LEAST = 1e-6
"""Least weight of a mistake."""


class Tradeoff(NamedTuple):
    """How the two mistakes are weighed, and where one threshold for all rows stands by that."""

    costs: Costs
    home: float
    """The favorable answer is given from this score on, before any group's threshold is moved."""
    grants_at: float
    """The same as a calibrated probability of the favorable outcome."""
    gain: FloatArray
    """What the favorable answer to each validation row is worth over the other one."""

    @property
    def words(self) -> str:
        """Say how mistakes are weighed where nobody stated it."""
        granted, refused = 2 * self.grants_at, 2 * (1 - self.grants_at)
        return (
            "no [costs] are stated, so mistakes cost what the threshold of the model before implies: "
            f"{granted:.2g} for a favorable answer in error, {refused:.2g} for an unfavorable one"
        )


def tradeoff(bench: Bench) -> Tradeoff | None:
    """Return how mistakes are weighed on validation rows; ``None`` where the answers follow from no threshold."""
    if "tradeoff" not in bench.kept:
        bench.kept["tradeoff"] = _tradeoff(bench)
    known = bench.kept["tradeoff"]
    return known if isinstance(known, Tradeoff) else None


def required_tradeoff(bench: Bench) -> Tradeoff:
    """Return how mistakes are weighed.

    Raises
    ------
    ModelError
        If the scores do not rank the validation rows, so that no threshold is better than another.
    """
    known = tradeoff(bench)
    if known is None:
        raise ModelError("the model's scores do not rank the validation rows; no threshold can be chosen on them.")
    return known


def costs_of(bench: Bench) -> Costs | None:
    """Return the costs that losses are counted by: those stated, else the model's own, else ``None``."""
    if bench.settings.costs is not None:
        return bench.settings.costs
    known = tradeoff(bench)
    return None if known is None else known.costs


def _tradeoff(bench: Bench) -> Tradeoff | None:
    model = bench.twin()
    if not bench.binary or not any(hasattr(model, name) for name in ("predict_proba", "decision_function")):
        return None
    scored, costs, home = bench.scores_of(model, bench.rows("validation")), bench.settings.costs, bench.old_cut()
    if costs is not None:
        alarm, miss = (costs.of_alarm, costs.of_miss) if bench.favorable == 1 else (costs.of_miss, costs.of_alarm)
        gain = np.where(scored.earned, miss, -alarm)
        whole = scored._replace(group=np.zeros_like(scored.group))
        (home,) = best_cuts(whole, gain, 1, ["selection_rate"], 1.0, home).tolist()
        return Tradeoff(costs, home, alarm / (alarm + miss), gain)
    line = platt_line(bench.odds(scored.score), scored.earned, scored.weight)
    if line is None:
        return None
    grants_at = float(np.clip(share_at(line, bench.odds(np.array([home])))[0], LEAST, 1 - LEAST))
    wrongs = (2 * grants_at, 2 * (1 - grants_at))
    alarm, miss = wrongs if bench.favorable == 1 else wrongs[::-1]
    own = Costs(false_positive=alarm, false_negative=miss)
    return Tradeoff(own, home, grants_at, share_at(line, bench.odds(scored.score)) - grants_at)
