"""Agreement of truth and prediction beyond chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from audit.estimate.cells import Counts, Margins, Rows, margins, proportion, rate_masks
from audit.estimate.metric import CLASSES, Composite, Inexact, Metric
from audit.estimate.rates import RATES
from audit.statistics.intervals import Interval, around

Array = npt.NDArray[np.float64]


def _matthews_corrcoef(m: Margins) -> Inexact:
    """Correlation of true and predicted class (Gorodkin 2004 for more than two)."""
    total = m.true.sum(-1)
    cross = total * m.hit.sum(-1) - (m.true * m.predicted).sum(-1)
    spread = (total**2 - (m.true**2).sum(-1)) * (total**2 - (m.predicted**2).sum(-1))
    return np.asarray(cross / np.sqrt(np.where(np.real(spread) > 0, spread, np.nan)))


def _cohen_kappa(m: Margins) -> Inexact:
    total = m.true.sum(-1)
    chance = (m.true * m.predicted).sum(-1)
    return np.asarray((total * m.hit.sum(-1) - chance) / (total**2 - chance))


def _penalties(power: int) -> Callable[[int], Array]:
    """Return the penalties of rows that are so many classes off, to a power; the farthest has 1."""

    def penalty(classes: int) -> Array:
        place = np.arange(classes)
        return np.asarray((np.abs(place[:, None] - place) / (classes - 1.0)) ** power)

    return penalty


def _weighted_kappa(power: int) -> Composite:
    """Return how much less the rows are penalized than by chance (Cohen 1968)."""
    penalty = _penalties(power)

    def value(m: Margins) -> Inexact:
        chance = ((m.true @ penalty(m.true.shape[-1])) * m.predicted).sum(-1) / m.true.sum(-1)
        return np.asarray(1 - m.penalty / chance)

    return Composite(value=value, edge=_beyond_chance, penalty=penalty)


def _beyond_chance(value: float, counts: Counts, level: float, rows: Rows | None) -> Interval:
    """Return the interval where rows do not vary: that of accuracy, beyond chance."""
    masks = rate_masks(RATES["accuracy"], len(counts.n))
    accuracy, _ = proportion(masks, counts, level, rows, "no rows")
    at = margins(counts.weight)
    chance = float((at.true * at.predicted).sum() / at.true.sum() ** 2)
    low, high = ((limit - chance) / (1 - chance) for limit in (accuracy.low, accuracy.high))
    return around(value, max(low, -1.0), min(high, 1.0), "wilson beyond chance")


MATTHEWS = Metric(
    name="matthews_corrcoef", needs="counts", tasks=CLASSES, unit="score", bounds=(-1.0, 1.0), place=100,
    performance=CLASSES,
    composite=Composite(value=_matthews_corrcoef, edge=_beyond_chance),
)  # fmt: skip
KAPPA = Metric(
    name="cohen_kappa", needs="counts", tasks=CLASSES, unit="score", bounds=(-1.0, 1.0), place=110, performance=CLASSES,
    composite=Composite(value=_cohen_kappa, edge=_beyond_chance),
)  # fmt: skip
WEIGHTED_KAPPAS = tuple(
    Metric(
        name=f"cohen_kappa_{name}", needs="counts", tasks=("multiclass",), ordered=True, unit="score",
        bounds=(-1.0, 1.0), place=110 + power, performance=("multiclass",), comparison=("multiclass",),
        composite=_weighted_kappa(power),
    )
    for power, name in ((1, "linear"), (2, "quadratic"))
)  # fmt: skip
"""Agreement of ordered classes: the further off, the worse, by the distance or by its square."""
