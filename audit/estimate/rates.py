"""The binary metrics that are proportions of counts; light enough for judging a saved record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple


class Rate(NamedTuple):
    """A proportion of counts: which of (TN, FP, FN, TP) are hits, and out of which.

    Examples
    --------
    >>> RATES["recall"].by_truth, RATES["precision"].by_truth, RATES["base_rate"].by_truth
    (True, False, False)
    """

    hits: tuple[int, int, int, int]
    of: tuple[int, int, int, int]
    empty: str
    """Why the rate does not exist where nothing stands below the line."""
    better: Literal["higher", "lower", "neither"] = "higher"
    every_class: bool = False
    """Whether it speaks of any number of classes: rows predicted rightly, or wrongly, among all."""
    of_outcome: bool = False
    """Whether it is a rate of the outcome that is good for the person, where that was stated."""

    @property
    def of_all_rows(self) -> bool:
        """Whether every row counts."""
        return all(self.of)

    @property
    def by_truth(self) -> bool:
        """Whether the truth alone says which rows count, and a prediction whether they hit: two models share rows."""
        rows = self.of[0] == self.of[1] and self.of[2] == self.of[3]
        return rows and not (self.hits[0] == self.hits[1] and self.hits[2] == self.hits[3])


_ALL, _TRUE, _FALSE, _CHOSEN, _PASSED = (1, 1, 1, 1), (0, 0, 1, 1), (1, 1, 0, 0), (0, 1, 0, 1), (1, 0, 1, 0)
_NO_POSITIVE, _NO_NEGATIVE = "no rows of the positive class", "no rows of the negative class"
_NONE_CHOSEN, _NONE_PASSED = "no rows predicted as the positive class", "no rows predicted as the negative class"

RATES: Mapping[str, Rate] = {
    "accuracy": Rate((1, 0, 0, 1), _ALL, "no rows", every_class=True),
    "error_rate": Rate((0, 1, 1, 0), _ALL, "no rows", "lower", every_class=True),
    "selection_rate": Rate((0, 1, 0, 1), _ALL, "no rows", "neither", of_outcome=True),
    "base_rate": Rate((0, 0, 1, 1), _ALL, "no rows", "neither", of_outcome=True),
    "precision": Rate((0, 0, 0, 1), _CHOSEN, _NONE_CHOSEN),
    "false_discovery_rate": Rate((0, 1, 0, 0), _CHOSEN, _NONE_CHOSEN, "lower"),
    "false_omission_rate": Rate((0, 0, 1, 0), _PASSED, _NONE_PASSED, "lower"),
    "negative_predictive_value": Rate((1, 0, 0, 0), _PASSED, _NONE_PASSED),
    "recall": Rate((0, 0, 0, 1), _TRUE, _NO_POSITIVE),
    "true_positive_rate": Rate((0, 0, 0, 1), _TRUE, _NO_POSITIVE),
    "false_negative_rate": Rate((0, 0, 1, 0), _TRUE, _NO_POSITIVE, "lower"),
    "specificity": Rate((1, 0, 0, 0), _FALSE, _NO_NEGATIVE),
    "true_negative_rate": Rate((1, 0, 0, 0), _FALSE, _NO_NEGATIVE),
    "false_positive_rate": Rate((0, 1, 0, 0), _FALSE, _NO_NEGATIVE, "lower"),
}
"""Binary metrics that are proportions."""
