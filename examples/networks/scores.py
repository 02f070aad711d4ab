"""Train each architecture on real data and print its score, with an interval, beside a scikit-learn reference.

Run from the root: ``python examples/networks/scores.py [NAME …] [--data FOLDER]``; without names, all of them (about
six minutes on two cores). The folder holds adult, german_credit, mnist5k, italy_power_demand and sms_spam; ``digits``
needs none. Both models see the same rows; intervals are 95 % percentile bootstraps of the test rows (2,000 resamples),
differences are paired.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from trainers import NetworkClassifier
from trainers.preparation import TablePreparation

RESAMPLES = 2000
Metric = Callable[[Any, Any], float]
Rows = tuple[Any, Any, Any, Any]
"""X_train, X_test, y_train, y_test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One network on one data set, beside its reference."""

    name: str
    metric: str
    n: int
    value: float
    low: float
    high: float
    reference: float
    difference: tuple[float, float, float]
    """Network minus reference: value, low, high."""
    seconds: float

    def __str__(self) -> str:
        value, low, high = self.difference
        return (
            f"{self.name:<27}{self.metric:<19}{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]   reference "
            f"{self.reference:.4f}   difference {value:+.4f} [{low:+.4f}, {high:+.4f}]   n = {self.n}   "
            f"{self.seconds:.0f} s"
        )


def compare(name: str, network: Any, reference: Any, rows: Rows, metric: Metric) -> Score:  # noqa: ANN401
    """Fit both on the same training rows and score both on the same test rows."""
    X_train, X_test, y_train, y_test = rows
    began = time.perf_counter()
    predicted = network.fit(X_train, y_train).predict(X_test)
    seconds = time.perf_counter() - began
    classes = np.unique(np.asarray(y_train))
    answers = (np.asarray(y_test), predicted, reference.fit(X_train, y_train).predict(X_test))
    truth, ours, theirs = (np.searchsorted(classes, np.asarray(answer)) for answer in answers)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(truth), (RESAMPLES, len(truth)))
    pairs = np.array([[metric(truth[d], ours[d]), metric(truth[d], theirs[d])] for d in draws])
    low, high = np.quantile(pairs[:, 0], [0.025, 0.975])
    gap_low, gap_high = np.quantile(pairs[:, 0] - pairs[:, 1], [0.025, 0.975])
    value, other = metric(truth, ours), metric(truth, theirs)
    return Score(
        name=name,
        metric=metric.__name__.removesuffix("_score"),
        n=len(truth),
        value=value,
        low=float(low),
        high=float(high),
        reference=other,
        difference=(value - other, float(gap_low), float(gap_high)),
        seconds=seconds,
    )


def adult(data: Path) -> Score:
    """Predict income with an mlp, against logistic regression on the same prepared columns."""
    train, test = (pd.read_csv(data / "adult" / f"adult_{part}.csv") for part in ("train", "test"))
    drop = ["income", "fnlwgt", "education"]
    network = NetworkClassifier(hidden=(64, 32), dropout=0.2, epochs=30, patience=5, random_state=0)
    rows = train.drop(columns=drop), test.drop(columns=drop), train["income"], test["income"]
    reference = make_pipeline(TablePreparation(), LogisticRegression(max_iter=1000))
    return compare("adult · mlp", make_pipeline(TablePreparation(), network), reference, rows, accuracy_score)


def german(data: Path) -> Score:
    """Predict credit with an mlp on 600 rows, against logistic regression."""
    table = pd.read_csv(data / "german_credit" / "german_credit.csv")
    rows = train_test_split(
        table.drop(columns="credit"), table["credit"], test_size=0.4, stratify=table["credit"], random_state=0
    )
    network = NetworkClassifier(
        hidden=(32,), activation="tanh", dropout=0.5, l2=0.1, class_weight="balanced", epochs=20, early_stopping=False,
        validation_fraction=0.0, random_state=0,
    )  # fmt: skip
    reference = make_pipeline(TablePreparation(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000))
    pipeline = make_pipeline(TablePreparation(), network)
    return compare("german credit · mlp", pipeline, reference, tuple(rows), balanced_accuracy_score)


def digits(data: Path) -> Score:  # noqa: ARG001 -- bundled with scikit-learn
    """Read digits of 8 by 8 pixels with a cnn, against a support vector machine."""
    rows = train_test_split(*load_digits(return_X_y=True), test_size=0.4, random_state=0)
    network = NetworkClassifier(
        network="cnn", input_shape=(1, 8, 8), channels=(32, 64), batch_norm=True, dropout=0.3, augment={"shift": 1},
        learning_rate=2e-3, schedule="cosine", epochs=40, early_stopping=False, validation_fraction=0.0, random_state=0,
    )  # fmt: skip
    return compare("digits · cnn", network, SVC(gamma=0.001), tuple(rows), accuracy_score)


def mnist(data: Path) -> Score:
    """Read digits of 28 by 28 pixels with a cnn, against a support vector machine."""
    table = pd.read_parquet(data / "mnist5k" / "mnist5k.parquet")
    X, y = table.drop(columns="label").to_numpy(), table["label"].to_numpy()
    rows = train_test_split(X, y, test_size=1000, stratify=y, random_state=0)
    network = NetworkClassifier(
        network="cnn", input_shape=(1, 28, 28), channels=(16, 32), batch_norm=True, dropout=0.3, augment={"shift": 1},
        learning_rate=2e-3, schedule="cosine", batch_size=64, epochs=20, early_stopping=False, validation_fraction=0.0,
        threads=None, random_state=0,
    )  # fmt: skip
    return compare("mnist5k · cnn", network, SVC(C=10, gamma="scale"), tuple(rows), accuracy_score)


def italy(data: Path, kind: str = "lstm") -> Score:
    """Tell winter from summer by a day's demand, with 67 training days, against logistic regression."""
    table = pd.read_csv(data / "italy_power_demand" / "italy_power_demand.csv")
    hours = [name for name in table.columns if name.startswith("t0")]
    train, test = table[table["split"] == "train"], table[table["split"] == "test"]
    network = NetworkClassifier(
        network=kind, units=32, epochs=150, learning_rate=2e-3, schedule="cosine", batch_size=16,
        augment={"noise": 0.2}, early_stopping=False, validation_fraction=0.0, random_state=0,
    )  # fmt: skip
    reference = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    rows = train[hours].to_numpy(), test[hours].to_numpy(), train["label"].to_numpy(), test["label"].to_numpy()
    return compare(f"italy power · {kind}", network, reference, rows, accuracy_score)


def sms(data: Path, kind: str = "transformer") -> Score:
    """Find spam in messages (duplicates left out), against tf-idf and logistic regression."""
    table = pd.read_csv(data / "sms_spam" / "sms_spam.csv").drop_duplicates("text")
    rows = train_test_split(
        table["text"].tolist(), table["label"].to_numpy(), test_size=0.25, stratify=table["label"], random_state=0
    )
    network = NetworkClassifier(
        network=kind, tokens="word", max_length=60, units=64, channels=(64,), bidirectional=True, dropout=0.3,
        learning_rate=2e-3, batch_size=64, epochs=15, patience=4, class_weight="balanced", random_state=0,
    )  # fmt: skip
    reference = make_pipeline(TfidfVectorizer(), LogisticRegression(class_weight="balanced"))
    return compare(f"sms spam · {kind}", network, reference, tuple(rows), balanced_accuracy_score)


SEQUENCES = ("rnn", "lstm", "gru", "transformer", "cnn")
TEXTS = ("transformer", "gru", "cnn")
SCORES: dict[str, Callable[[Path], Score]] = {
    "adult": adult,
    "german": german,
    "digits": digits,
    "mnist": mnist,
    **{f"italy-{kind}": partial(italy, kind=kind) for kind in SEQUENCES},
    **{f"sms-{kind}": partial(sms, kind=kind) for kind in TEXTS},
}


def data_folder() -> Path:
    """Find the data beside the repository, or where MODELASSAY_DATA says."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    return Path(os.environ.get("MODELASSAY_DATA", beside))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(SCORES))
    parser.add_argument("--data", type=Path, default=data_folder())
    arguments = parser.parse_args()
    for name in arguments.names or SCORES:
        if name not in SCORES:
            print(f"{name!r} is unknown; expected some of {', '.join(SCORES)}", file=sys.stderr)
            return 2
        print(SCORES[name](arguments.data), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
