"""Every type that gatherers return and checks read: plain arrays with addresses.

Checks ask for evidence by parameter name, so a name stands for one kind of thing in the whole house:
``predictions`` and ``folds`` are :class:`Predictions`, ``attributions`` is a tuple of
:class:`Attributions`, ``history`` a tuple of :class:`HistoryRow`, ``dataset`` a
:class:`audit.data.dataset.Dataset`.
"""

from audit.evidence.invalid import InvalidRows
from audit.evidence.mitigated import CONTROL, MITIGATED, Guess, Mitigated, Strength
from audit.evidence.own_metrics import OwnMetric
from audit.evidence.perturbed import MISSING, NONE, SWAPPED, UNSEEN, Pair, Perturbed
from audit.evidence.predictions import (
    COUNTED,
    NO_ROWS,
    Absence,
    Attributions,
    FloatArray,
    HistoryRow,
    IntArray,
    Predictions,
    Repeats,
    Settings,
    join,
)
from audit.evidence.tables import (
    SCORE_TABLE,
    Alone,
    LabelDoubts,
    Leaks,
    Proxies,
    Reading,
    ReferenceScores,
    Separation,
)
from audit.evidence.windows import Window, Windows

__all__ = [
    "CONTROL",
    "COUNTED",
    "MISSING",
    "MITIGATED",
    "NONE",
    "NO_ROWS",
    "SCORE_TABLE",
    "SWAPPED",
    "UNSEEN",
    "Absence",
    "Alone",
    "Attributions",
    "FloatArray",
    "Guess",
    "HistoryRow",
    "IntArray",
    "InvalidRows",
    "LabelDoubts",
    "Leaks",
    "Mitigated",
    "OwnMetric",
    "Pair",
    "Perturbed",
    "Predictions",
    "Proxies",
    "Reading",
    "ReferenceScores",
    "Repeats",
    "Separation",
    "Settings",
    "Strength",
    "Window",
    "Windows",
    "join",
]
