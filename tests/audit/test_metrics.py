"""Metrics of counts against scikit-learn and fairlearn; undefined is undefined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from fairlearn import metrics as fl
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from audit.errors import ConfigError
from audit.estimate.cells import margins, one_vs_rest
from audit.estimate.counting import from_counts, gradient
from audit.estimate.metrics import METRICS, metric

tables = st.lists(st.integers(0, 30), min_size=4, max_size=4).map(lambda cells: np.array(cells).reshape(2, 2))
wide = st.lists(st.integers(0, 12), min_size=16, max_size=16).map(lambda cells: np.array(cells).reshape(4, 4))
COMPOSITES = {name for name, one in METRICS.items() if one.composite is not None and "multiclass" in one.tasks}
"""Composites that speak of several classes at once."""
Table = npt.NDArray[np.int64]
Oracle = Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], float]


def _rows(table: Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    cell = np.repeat(np.arange(table.size), table.reshape(-1))
    return cell // len(table), cell % len(table)


BINARY: dict[str, Oracle] = {
    "accuracy": sk.accuracy_score,
    "precision": lambda y, p: sk.precision_score(y, p, zero_division=np.nan),
    "recall": lambda y, p: sk.recall_score(y, p, zero_division=np.nan),
    "f1": lambda y, p: sk.f1_score(y, p, zero_division=np.nan),
    "selection_rate": fl.selection_rate,
}
FAIRLEARN: dict[str, Oracle] = {
    "true_positive_rate": fl.true_positive_rate,
    "false_positive_rate": fl.false_positive_rate,
    "true_negative_rate": fl.true_negative_rate,
    "false_negative_rate": fl.false_negative_rate,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "matthews_corrcoef": sk.matthews_corrcoef,
    "cohen_kappa": sk.cohen_kappa_score,
}
MULTICLASS: dict[str, Oracle] = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "matthews_corrcoef": sk.matthews_corrcoef,
    "cohen_kappa": sk.cohen_kappa_score,
    "recall_macro": lambda y, p: sk.recall_score(y, p, average="macro"),
    "precision_macro": lambda y, p: sk.precision_score(y, p, average="macro"),
    "f1_macro": lambda y, p: sk.f1_score(y, p, average="macro"),
    "recall_weighted": lambda y, p: sk.recall_score(y, p, average="weighted"),
    "precision_weighted": lambda y, p: sk.precision_score(y, p, average="weighted"),
    "f1_weighted": lambda y, p: sk.f1_score(y, p, average="weighted"),
    "f1_micro": lambda y, p: sk.f1_score(y, p, average="micro"),
}


@given(tables.filter(lambda table: table.sum() > 0), st.sampled_from(sorted(BINARY)))
def test_binary_metrics_agree_with_scikit_learn(table: Table, name: str) -> None:
    expected = BINARY[name](*_rows(table))
    assert float(from_counts(name, table)) == pytest.approx(expected, nan_ok=True)


@given(tables.filter(lambda table: bool(table.min() > 0)), st.sampled_from(sorted(FAIRLEARN)))
def test_binary_metrics_agree_with_fairlearn(table: Table, name: str) -> None:
    assert float(from_counts(name, table)) == pytest.approx(FAIRLEARN[name](*_rows(table)))


@given(
    wide.filter(lambda table: bool(table.sum(0).min() > 0) and bool(table.sum(1).min() > 0)),
    st.sampled_from(sorted(MULTICLASS)),
)
def test_multiclass_metrics_agree_with_scikit_learn(table: Table, name: str) -> None:
    assert float(from_counts(name, table)) == pytest.approx(MULTICLASS[name](*_rows(table)), abs=1e-12)


@given(wide, st.integers(0, 3))
def test_one_vs_rest_counts_every_row_once(table: Table, position: int) -> None:
    collapsed = one_vs_rest(table, position)
    assert collapsed.sum() == table.sum()
    assert collapsed[1, 1] == table[position, position]
    assert collapsed[1].sum() == table[position].sum()


@given(wide)
def test_a_batch_is_its_tables(table: Table) -> None:
    batch = np.stack([table, 2 * table, table.T])
    for name in sorted(COMPOSITES):
        expected = [float(from_counts(name, one)) for one in batch]
        assert from_counts(name, batch).tolist() == pytest.approx(expected, nan_ok=True)


@given(wide.filter(lambda table: bool(table.min() > 0)), st.sampled_from(sorted(COMPOSITES)))
def test_gradients_agree_with_finite_differences(table: Table, name: str) -> None:
    exact, step = gradient(name, table), 1e-4
    for cell in [(0, 0), (1, 2), (3, 0)]:
        up, down = table.astype(float), table.astype(float)
        up[cell] += step
        down[cell] -= step
        slope = (float(from_counts(name, up)) - float(from_counts(name, down))) / (2 * step) * table.sum()
        assert exact[cell] == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("precision", [[5, 0], [5, 0]]),
        ("recall", [[5, 5], [0, 0]]),
        ("specificity", [[0, 0], [5, 5]]),
        ("false_positive_rate", [[0, 0], [5, 5]]),
        ("accuracy", [[0, 0], [0, 0]]),
        ("f1", [[5, 0], [0, 0]]),
        ("matthews_corrcoef", [[5, 0], [5, 0]]),
        ("cohen_kappa", [[5, 0], [0, 0]]),
        ("balanced_accuracy", [[5, 3], [0, 0]]),
        ("precision_macro", [[5, 0], [5, 0]]),
    ],
)
def test_undefined_is_not_a_number(name: str, table: list[list[int]]) -> None:
    assert np.isnan(from_counts(name, np.array(table)))


def test_f1_of_only_errors_is_zero() -> None:
    assert float(from_counts("f1", np.array([[0, 3], [4, 0]]))) == 0.0


def test_macro_averages_are_over_the_classes_that_occur() -> None:
    table = np.array([[5, 1, 0], [2, 4, 0], [0, 0, 0]])
    y, predicted = _rows(table)
    assert float(from_counts("balanced_accuracy", table)) == pytest.approx(sk.balanced_accuracy_score(y, predicted))
    assert float(from_counts("f1_macro", table)) == pytest.approx(sk.f1_score(y, predicted, average="macro"))


def test_unknown_names_are_met_with_a_hint() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'roc_auc'"):
        metric("roc_acu")
    with pytest.raises(ConfigError, match="not a function of counts"):
        from_counts("roc_auc", np.eye(2))
    with pytest.raises(ConfigError, match="one class"):
        from_counts("recall", np.eye(3))


def test_the_table_knows_every_count_metric() -> None:
    counted = [one for one in METRICS.values() if one.needs == "counts"]
    assert all((one.rate is None) != (one.composite is None) for one in counted)
    assert all(one.measured is not None for one in METRICS.values() if one.needs != "counts")
    assert all(one.name == name for name, one in METRICS.items())


def test_margins_of_counts() -> None:
    found = margins(np.array([[5, 1], [2, 4]]))
    assert (found.hit.tolist(), found.true.tolist(), found.predicted.tolist()) == ([5, 4], [6, 6], [7, 5])
