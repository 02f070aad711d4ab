"""The binary metrics that are proportions of counts; light enough for judging a saved record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Rate(NamedTuple):
    """A proportion of counts: which of (TN, FP, FN, TP) are hits, and out of which."""

    hits: tuple[int, int, int, int]
    of: tuple[int, int, int, int]
    empty: str
    """Why the rate does not exist where nothing stands below the line."""


_ALL, _TRUE, _FALSE, _CHOSEN = (1, 1, 1, 1), (0, 0, 1, 1), (1, 1, 0, 0), (0, 1, 0, 1)
_NO_POSITIVE, _NO_NEGATIVE = "no rows of the positive class", "no rows of the negative class"

RATES: Mapping[str, Rate] = {
    "accuracy": Rate((1, 0, 0, 1), _ALL, "no rows"),
    "error_rate": Rate((0, 1, 1, 0), _ALL, "no rows"),
    "selection_rate": Rate((0, 1, 0, 1), _ALL, "no rows"),
    "base_rate": Rate((0, 0, 1, 1), _ALL, "no rows"),
    "precision": Rate((0, 0, 0, 1), _CHOSEN, "no rows predicted as the positive class"),
    "false_discovery_rate": Rate((0, 1, 0, 0), _CHOSEN, "no rows predicted as the positive class"),
    "false_omission_rate": Rate((0, 0, 1, 0), (1, 0, 1, 0), "no rows predicted as the negative class"),
    "negative_predictive_value": Rate((1, 0, 0, 0), (1, 0, 1, 0), "no rows predicted as the negative class"),
    "recall": Rate((0, 0, 0, 1), _TRUE, _NO_POSITIVE),
    "true_positive_rate": Rate((0, 0, 0, 1), _TRUE, _NO_POSITIVE),
    "false_negative_rate": Rate((0, 0, 1, 0), _TRUE, _NO_POSITIVE),
    "specificity": Rate((1, 0, 0, 0), _FALSE, _NO_NEGATIVE),
    "true_negative_rate": Rate((1, 0, 0, 0), _FALSE, _NO_NEGATIVE),
    "false_positive_rate": Rate((0, 1, 0, 0), _FALSE, _NO_NEGATIVE),
}
"""Binary metrics that are proportions."""
