"""Healthy and broken trainings over all architectures, each broken one with the remedy that it needs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, make_friedman1, make_moons

from trainers import NetworkClassifier, NetworkRegressor

Rows = tuple[Any, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One training to look at."""

    name: str
    rows: Rows
    parameters: dict[str, Any]
    regression: bool = False
    remedy: str = ""
    """Word that the first remedy must begin with; empty: healthy, nothing may trip."""
    seed: int = field(default=0)

    def run(self) -> NetworkClassifier | NetworkRegressor:
        """Train."""
        kind = NetworkRegressor if self.regression else NetworkClassifier
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return kind(**self.parameters, random_state=self.seed).fit(*self.rows)


def digits(seed: int, rows: int = 900) -> Rows:
    X, y = load_digits(return_X_y=True)
    chosen = np.random.default_rng(seed).permutation(len(X))[:rows]
    return X[chosen], y[chosen]


def images(seed: int, rows: int = 600) -> Rows:
    X, y = digits(seed, rows)
    return X.reshape(-1, 1, 8, 8), y


def tumors(seed: int) -> Rows:
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(X))
    return X[order], y[order]


def moons(seed: int, rows: int = 500) -> Rows:
    X, y = make_moons(rows, noise=0.15, random_state=seed)
    return X, y


def friedman(seed: int, rows: int = 600) -> Rows:
    X, y = make_friedman1(rows, n_features=8, noise=0.5, random_state=seed)
    return X, y


def waves(seed: int, rows: int = 400, steps: int = 24) -> Rows:
    """Sequences of two channels; the class is the speed."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    speed, phase = np.where(labels == 1, 1.1, 0.6)[:, None], rng.uniform(0, 6, rows)[:, None]
    angle = speed * np.arange(steps) + phase
    values = np.stack([np.sin(angle), np.cos(angle)], axis=2)
    return values + rng.normal(0, 0.2, values.shape), labels


def first_step(seed: int, rows: int = 300, steps: int = 200) -> Rows:
    """Long sequences whose class stands in the first steps."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, steps, 1))
    return values, (values[:, :3].sum(axis=(1, 2)) > 0).astype(int)


def texts(seed: int, rows: int = 400) -> Rows:
    rng = np.random.default_rng(seed)
    common, good, bad = [f"w{n}" for n in range(60)], ["good", "fine", "great"], ["bad", "poor", "awful"]
    labels = rng.integers(0, 2, rows)
    return [
        " ".join(rng.permutation([*rng.choice(common, 9), *rng.choice(good if one else bad, 1 + rng.integers(2))]))
        for one in labels
    ], labels


def noise(seed: int, rows: int = 300, columns: int = 60) -> Rows:
    """Labels that no input knows of."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, columns)), rng.integers(0, 2, rows)


def few(seed: int) -> Rows:
    """Few rows, many columns, a weak signal: easily memorized."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 80))
    return X, (X[:, 0] + rng.normal(0, 1.5, 200) > 0).astype(int)


def shuffled_digits(seed: int) -> Rows:
    """Labels that went astray."""
    X, y = digits(seed)
    return X, np.random.default_rng(seed + 99).permutation(y)


def wide_scales(seed: int) -> Rows:
    """Every third column in other units."""
    X, y = friedman(seed)
    return X * np.where(np.arange(X.shape[1]) % 3, 1.0, 1e5), y


def by_label(rows: Rows) -> Rows:
    """Sort rows by their label, as tables often come."""
    X, y = rows
    order = np.argsort(y, kind="stable")
    return [X[place] for place in order] if isinstance(X, list) else X[order], y[order]


def born_dead(shape: tuple[int, ...], outputs: int) -> torch.nn.Module:
    """Build a network whose first layer a negative bias keeps silent for every row."""
    first = torch.nn.Linear(int(np.prod(shape)), 64)
    torch.nn.init.constant_(first.bias, -20.0)
    return torch.nn.Sequential(first, torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(),
        torch.nn.Linear(64, outputs))  # fmt: skip


def raw_scales(seed: int) -> Rows:
    X, y = tumors(seed)
    return X, y


BASES: dict[str, tuple[Any, dict[str, Any], bool]] = {
    "mlp digits": (digits, {"epochs": 40}, False),
    "mlp tumors": (tumors, {"epochs": 60}, False),
    "mlp moons": (moons, {"epochs": 100, "learning_rate": 5e-3}, False),
    "mlp friedman": (friedman, {"epochs": 100, "learning_rate": 3e-3}, True),
    "mlp norm": (digits, {"epochs": 30, "batch_norm": True, "dropout": 0.2}, False),
    "cnn images": (images, {"network": "cnn", "epochs": 30, "learning_rate": 3e-3}, False),
    "cnn steps": (waves, {"network": "cnn", "epochs": 40, "learning_rate": 3e-3}, False),
    "lstm": (waves, {"network": "lstm", "units": 24, "epochs": 40, "learning_rate": 1e-2}, False),
    "gru": (waves, {"network": "gru", "units": 24, "epochs": 40, "learning_rate": 1e-2}, False),
    "rnn": (waves, {"network": "rnn", "units": 24, "epochs": 40, "learning_rate": 3e-3}, False),
    "transformer": (
        waves, {"network": "transformer", "units": 32, "heads": 4, "epochs": 30, "learning_rate": 3e-3}, False,
    ),
    "texts": (
        texts, {"network": "gru", "tokens": "word", "units": 24, "max_length": 12, "epochs": 30, "learning_rate": 1e-2},
        False,
    ),
}  # fmt: skip


def healthy(seeds: range) -> Iterator[Fit]:
    for seed in seeds:
        for name, (make, parameters, regression) in BASES.items():
            yield Fit(name=name, rows=make(seed), parameters=parameters, regression=regression, seed=seed)
        for name in ("mlp digits", "mlp tumors", "cnn images", "gru"):
            make, parameters, regression = BASES[name]
            yield Fit(name=f"{name}, rows sorted", rows=by_label(make(seed)), parameters=parameters, seed=seed)


FAULTS: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("rate low", "mlp digits", {"learning_rate": 1e-6}, "Raise learning_rate"),
    ("rate low", "mlp friedman", {"learning_rate": 1e-6}, "Raise learning_rate"),
    ("rate low", "cnn images", {"learning_rate": 1e-6}, "Raise learning_rate"),
    ("rate low", "lstm", {"learning_rate": 1e-6}, "Raise learning_rate"),
    ("rate low", "transformer", {"learning_rate": 1e-7}, "Raise learning_rate"),
    ("rate low", "mlp tumors", {"learning_rate": 1e-6}, "Raise learning_rate"),
    ("rate low", "mlp moons", {"learning_rate": 1e-5, "optimizer": "sgd"}, "Raise learning_rate"),
    ("rate low", "gru", {"learning_rate": 1e-6}, "Raise learning_rate"),
    ("rate low", "texts", {"learning_rate": 1e-6}, "Raise learning_rate"),
    ("rate low", "cnn steps", {"learning_rate": 1e-6}, "Raise learning_rate"),
    ("rate high", "lstm", {"learning_rate": 10.0}, "Lower learning_rate"),
    ("rate high", "rnn", {"learning_rate": 10.0}, "Lower learning_rate"),
    ("rate high", "texts", {"learning_rate": 10.0}, "Lower learning_rate"),
    ("rate high", "transformer", {"learning_rate": 10.0}, "Lower learning_rate"),
    ("rate high", "mlp tumors", {"learning_rate": 10.0}, "Lower learning_rate"),
    (
        "one row a step",
        "mlp digits",
        {"batch_size": 1, "epochs": 5, "learning_rate": 0.1, "optimizer": "sgd"},
        "Lower learning_rate",
    ),
    ("one row a step", "mlp tumors", {"batch_size": 1, "epochs": 5, "learning_rate": 0.05}, "Lower learning_rate"),
    ("born dead", "mlp digits", {"network": born_dead}, "Initialize by the activation"),
    ("born dead", "mlp tumors", {"network": born_dead}, "Initialize by the activation"),
    ("depth", "mlp digits", {"hidden": (64,) * 6, "activation": "sigmoid"}, "Use ReLU"),
    ("depth", "mlp friedman", {"hidden": (64,) * 7, "activation": "sigmoid"}, "Use ReLU"),
    ("penalty", "gru", {"l2": 1.0}, "Weaken the penalty"),
    ("penalty", "cnn steps", {"l2": 1.0}, "Weaken the penalty"),
    ("penalty", "texts", {"l2": 1.0}, "Weaken the penalty"),
    ("penalty", "mlp tumors", {"l1": 0.3}, "Weaken the penalty"),
    ("rate high", "mlp digits", {"learning_rate": 1.0}, "Lower learning_rate"),
    ("rate high", "mlp digits", {"learning_rate": 10.0}, "Lower learning_rate"),
    ("rate high", "mlp friedman", {"learning_rate": 3.0}, "Lower learning_rate"),
    ("rate high", "cnn images", {"learning_rate": 1.0}, "Lower learning_rate"),
    ("rate high", "gru", {"learning_rate": 3.0}, "Lower learning_rate"),
    ("rate high", "transformer", {"learning_rate": 1.0}, "Lower learning_rate"),
    ("rate high", "mlp digits", {"learning_rate": 10.0, "optimizer": "sgd"}, "Lower learning_rate"),
    ("depth", "mlp digits", {"hidden": (64,) * 5, "activation": "sigmoid"}, "Use ReLU"),
    ("depth", "mlp tumors", {"hidden": (64,) * 5, "activation": "sigmoid"}, "Use ReLU"),
    ("depth", "mlp tumors", {"hidden": (32,) * 8, "activation": "sigmoid"}, "Use ReLU"),
    ("depth", "mlp friedman", {"hidden": (32,) * 8, "activation": "sigmoid"}, "Use ReLU"),
    ("size", "mlp digits", {"hidden": (1,), "epochs": 100}, "Give more capacity"),
    ("size", "mlp moons", {"hidden": (), "epochs": 100}, "Give more capacity"),
    ("size", "cnn images", {"channels": (1,), "hidden": (2,), "epochs": 60}, "Give more capacity"),
    ("size", "mlp digits", {"hidden": (2,), "epochs": 100}, "Give more capacity"),
    ("penalty", "mlp digits", {"l2": 1.0}, "Weaken the penalty"),
    ("penalty", "mlp digits", {"l1": 0.1}, "Weaken the penalty"),
    ("penalty", "mlp digits", {"dropout": 0.95}, "Weaken the penalty"),
    ("penalty", "mlp friedman", {"l2": 3.0}, "Weaken the penalty"),
    ("penalty", "cnn images", {"l2": 1.0}, "Weaken the penalty"),
    ("epochs", "mlp digits", {"epochs": 2}, "Train for more epochs"),
    ("epochs", "mlp friedman", {"epochs": 4, "learning_rate": 1e-3}, "Train for more epochs"),
    ("epochs", "cnn images", {"epochs": 3, "learning_rate": 1e-3}, "Train for more epochs"),
    ("epochs", "gru", {"epochs": 3, "learning_rate": 1e-3}, "Train for more epochs"),
)
SPECIAL: tuple[tuple[str, Any, dict[str, Any], str], ...] = (
    ("overfit", noise, {"epochs": 60, "early_stopping": False, "validation_fraction": 0.3}, "Stop at the minimum"),
    ("overfit", few, {"epochs": 80, "early_stopping": False, "validation_fraction": 0.3}, "Stop at the minimum"),
    ("memory", noise, {"epochs": 60, "early_stopping": False, "validation_fraction": 0.0}, "Hold rows out"),
    ("memory", few, {"epochs": 80, "early_stopping": False, "validation_fraction": 0.0}, "Hold rows out"),
    ("time", first_step, {"network": "rnn", "units": 16, "epochs": 8, "batch_size": 64}, "Use lstm or gru"),
    ("time", first_step, {"network": "rnn", "units": 32, "epochs": 8, "batch_size": 64}, "Use lstm or gru"),
    ("scales", raw_scales, {"standardize": False, "epochs": 30}, "Keep standardize"),
    ("scales", wide_scales, {"standardize": False, "epochs": 30}, "Keep standardize"),
    ("memory", shuffled_digits, {"epochs": 60, "early_stopping": False, "validation_fraction": 0.0}, "Hold rows out"),
    ("overfit", shuffled_digits, {"epochs": 60, "early_stopping": False, "validation_fraction": 0.2},
     "Stop at the minimum"),
    ("time", first_step, {"network": "rnn", "units": 64, "epochs": 8, "batch_size": 64}, "Use lstm or gru"),
    ("exploding", raw_scales, {"standardize": False, "epochs": 10, "optimizer": "sgd", "learning_rate": 0.1},
     "Keep standardize"),
)  # fmt: skip


def broken(seeds: range) -> Iterator[Fit]:
    for seed in seeds:
        for name, base, changes, remedy in FAULTS:
            make, parameters, regression = BASES[base]
            yield Fit(
                name=f"{name}: {base}", rows=make(seed), parameters=parameters | changes, regression=regression,
                remedy=remedy, seed=seed,
            )  # fmt: skip
        for name, make, changes, remedy in SPECIAL:
            yield Fit(name=name, rows=make(seed), parameters=changes, regression=make is wide_scales, remedy=remedy,
                seed=seed)  # fmt: skip
