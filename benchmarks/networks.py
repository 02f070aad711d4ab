"""Quality and speed of the networks beside skorch, a plain torch loop and scikit-learn's MLP, on the same splits.

Run from the root: ``python -m benchmarks.networks`` (one thread; about eight minutes). All have two layers of 64 ReLU
units, Adam at 1e-3, batches of 32, at most 100 epochs, a tenth of the training rows held out and a patience of ten
epochs. Quality is accuracy or R² on a third of the rows; differences are paired by split, their intervals Student's.
Time is CPU time of an epoch, start-up taken out, the least of some turns that all take one after the other.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from scipy.stats import t as student
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
    make_friedman1,
    make_moons,
)
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from torch import nn

from trainers import NetworkClassifier, NetworkRegressor

RATE, BATCH, PATIENCE, HELD = 1e-3, 32, 10, 0.1
Rows = tuple[Any, Any]
Answer = Callable[[Any], Any]

DATA: Mapping[str, Callable[[int], Rows]] = {
    "breast cancer": lambda seed: load_breast_cancer(return_X_y=True),
    "digits": lambda seed: load_digits(return_X_y=True),
    "wine": lambda seed: load_wine(return_X_y=True),
    "iris": lambda seed: load_iris(return_X_y=True),
    "moons": lambda seed: make_moons(1500, noise=0.25, random_state=seed),
    "classification": lambda seed: make_classification(3000, 20, n_informative=8, flip_y=0.05, random_state=seed),
    "diabetes": lambda seed: load_diabetes(return_X_y=True),
    "friedman": lambda seed: make_friedman1(2000, 10, noise=1.0, random_state=seed),
}
REGRESSION = frozenset({"diabetes", "friedman"})


def module(features: int, outputs: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(features, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))


def ours(X: Any, y: Any, *, regression: bool, seed: int, epochs: int, patience: int) -> Answer:
    kind = NetworkRegressor if regression else NetworkClassifier
    model = kind(learning_rate=RATE, batch_size=BATCH, epochs=epochs, patience=patience, validation_fraction=HELD,
        random_state=seed)  # fmt: skip
    return model.fit(X, y).predict  # type: ignore[no-any-return]


def scikit(X: Any, y: Any, *, regression: bool, seed: int, epochs: int, patience: int) -> Answer:
    kind = MLPRegressor if regression else MLPClassifier
    scale, center, spread = _scaled(X, y, regression)
    model = kind(
        hidden_layer_sizes=(64, 64), learning_rate_init=RATE, batch_size=BATCH, max_iter=epochs, early_stopping=True,
        tol=0, n_iter_no_change=patience, validation_fraction=HELD, random_state=seed,
    )  # fmt: skip
    model.fit(scale(X), (y - center) / spread if regression else y)
    return lambda rows: model.predict(scale(rows)) * spread + center if regression else model.predict(scale(rows))


def _scaled(X: Any, y: Any, regression: bool) -> tuple[Callable[[Any], Any], float, float]:
    scale = StandardScaler().fit(X)
    center, spread = (float(np.mean(y)), float(np.std(y))) if regression else (0.0, 1.0)
    return lambda rows: scale.transform(rows).astype(np.float32), center, spread


def plain(X: Any, y: Any, *, regression: bool, seed: int, epochs: int, patience: int) -> Answer:
    """Train with a loop that is written by hand: no loader, fused Adam, the best weights put back."""
    scale, center, spread = _scaled(X, y, regression)
    labels = np.unique(y)
    targets = (
        torch.tensor((y - center) / spread, dtype=torch.float32)
        if regression
        else torch.tensor(np.searchsorted(labels, y))
    )
    inputs = torch.tensor(scale(X))
    kept, held = train_test_split(
        np.arange(len(X)), test_size=HELD, random_state=seed, stratify=None if regression else y
    )
    network = module(X.shape[1], 1 if regression else len(labels), seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)

    def loss(rows: Any, truth: Any) -> torch.Tensor:
        if regression:
            return nn.functional.mse_loss(network(rows)[:, 0], truth)
        return nn.functional.cross_entropy(network(rows), truth)

    train, truth, test, test_truth = inputs[kept], targets[kept], inputs[held], targets[held]
    best, waited, weights = float("inf"), 0, copy.deepcopy(network.state_dict())
    for _ in range(epochs):
        order = torch.randperm(len(train))
        for rows, wanted in zip(train[order].split(BATCH), truth[order].split(BATCH), strict=True):
            optimizer.zero_grad()
            loss(rows, wanted).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.inference_mode():
            now = float(loss(test, test_truth))
        waited = 0 if now < best else waited + 1
        if now < best:
            best, weights = now, copy.deepcopy(network.state_dict())
        if waited >= patience:
            break
    network.load_state_dict(weights)

    @torch.inference_mode()
    def answer(rows: Any) -> Any:
        raw = network(torch.tensor(scale(rows))).numpy()
        return raw[:, 0] * spread + center if regression else labels[raw.argmax(axis=1)]

    return answer


def skorch_net(X: Any, y: Any, *, regression: bool, seed: int, epochs: int, patience: int) -> Answer:
    import skorch
    from skorch.callbacks import EarlyStopping
    from skorch.dataset import ValidSplit

    scale, center, spread = _scaled(X, y, regression)
    labels = np.unique(y)
    targets = ((y - center) / spread).astype(np.float32)[:, None] if regression else np.searchsorted(labels, y)
    kind = skorch.NeuralNetRegressor if regression else skorch.NeuralNetClassifier
    net = kind(
        module(X.shape[1], 1 if regression else len(labels), seed),
        criterion=nn.MSELoss if regression else nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam, lr=RATE, batch_size=BATCH, max_epochs=epochs, iterator_train__shuffle=True,
        train_split=ValidSplit(HELD, stratified=not regression, random_state=seed),
        callbacks=[EarlyStopping(patience=patience, load_best=True)], verbose=0,
    )  # fmt: skip
    net.fit(scale(X), targets)
    if regression:
        return lambda rows: net.predict(scale(rows))[:, 0] * spread + center
    return lambda rows: labels[net.predict(scale(rows))]


def contenders() -> dict[str, Callable[..., Answer]]:
    known: dict[str, Callable[..., Answer]] = {"ours": ours, "plain loop": plain, "scikit-learn": scikit}
    return known | ({"skorch": skorch_net} if importlib.util.find_spec("skorch") else {})


def interval(values: Any) -> str:
    """Write the mean of a few values with Student's 95 % interval."""
    values = np.asarray(values)
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.3f} ± {half:.3f}"


def quality(seeds: int) -> None:
    names = list(contenders())
    gaps: dict[str, list[float]] = {name: [] for name in names[1:]}
    others = "".join(f"{'ours − ' + name:>26}" for name in names[1:])
    print(f"\n{'accuracy or R²':<16}{'ours':>8}{others}")
    for title, make in DATA.items():
        scores = np.array([[_score(title, make, name, seed) for name in names] for seed in range(seeds)])
        shown = ""
        for place, name in enumerate(names[1:], start=1):
            differences = scores[:, 0] - scores[:, place]
            gaps[name].append(float(differences.mean()))
            shown += f"{interval(differences):>26}"
        print(f"{title:<16}{scores[:, 0].mean():>8.3f}{shown}", flush=True)
    print(f"{'all data sets':<24}{''.join(f'{interval(values):>26}' for values in gaps.values())}")


def _score(title: str, make: Callable[[int], Rows], name: str, seed: int) -> float:
    X, y = make(seed)
    regression = title in REGRESSION
    parts = train_test_split(X, y, test_size=1 / 3, random_state=seed, stratify=None if regression else y)
    answer = contenders()[name](parts[0], parts[2], regression=regression, seed=seed, epochs=100, patience=PATIENCE)
    return float((r2_score if regression else accuracy_score)(parts[3], answer(parts[1])))


def speed(turns: int, epochs: int = 20) -> None:
    names = list(contenders())
    print(f"\n{'ms an epoch':<16}" + "".join(f"{name:>16}" for name in names) + f"{'ours : plain':>16}")
    ratios = []
    for title, make in DATA.items():
        X, y = make(0)
        least = {name: [float("inf"), float("inf")] for name in names}
        for _ in range(turns):
            for name in names:
                for place, count in enumerate((1, 1 + epochs)):
                    began = time.process_time()
                    contenders()[name](X, y, regression=title in REGRESSION, seed=0, epochs=count, patience=epochs + 2)
                    least[name][place] = min(least[name][place], time.process_time() - began)
        each = {name: (many - one) / epochs for name, (one, many) in least.items()}
        ratios.append(each["ours"] / each["plain loop"])
        print(f"{title:<16}" + "".join(f"{1000 * each[name]:>16.2f}" for name in names) + f"{ratios[-1]:>16.2f}",
            flush=True)  # fmt: skip
    print(f"{'geometric mean':<16}{'':>{16 * len(names)}}{np.exp(np.mean(np.log(ratios))):>16.2f}")


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--seeds", type=int, default=5)
    reader.add_argument("--turns", type=int, default=3)
    asked = reader.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    speed(asked.turns)
    quality(asked.seeds)


if __name__ == "__main__":
    main()
