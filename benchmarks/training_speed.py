"""Time the networks beside scikit-learn's MLP, a bare torch loop and, if it is installed, skorch; print ratios.

Run from the root: ``python -m benchmarks.training_speed`` (one thread; about two minutes).
``--stacked`` adds five folds trained as one stacked network with ``torch.func``, against one fold after the other.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.neural_network import MLPClassifier
from torch import nn

from trainers import NetworkClassifier

RATE = 1e-3
Table = tuple[Any, Any]


def timed(work: Callable[[], object], repeats: int) -> float:
    """Smallest of some times, in seconds: the least disturbed by whatever else the machine does."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def module(features: int, outputs: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(features, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))


def bare(X: Any, y: Any, *, epochs: int, batch: int) -> nn.Module:
    """Train with the shortest loop that is not slow: no loader, fused Adam."""
    inputs, targets = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    network = module(X.shape[1], 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    for _ in range(epochs):
        order = torch.randperm(len(inputs))
        for x, t in zip(inputs[order].split(batch), targets[order].split(batch), strict=True):
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(network(x).squeeze(1), t).backward()
            optimizer.step()
    return network


def ours(epochs: int, batch: int) -> NetworkClassifier:
    return NetworkClassifier(
        epochs=epochs,
        batch_size=batch,
        validation_fraction=0.0,
        early_stopping=False,
        standardize=False,
        random_state=0,
    )


def theirs(epochs: int, batch: int) -> MLPClassifier:
    return MLPClassifier((64, 64), batch_size=batch, max_iter=epochs, n_iter_no_change=epochs, random_state=0, tol=0)


def skorch_fit(X: Any, y: Any, *, epochs: int, batch: int) -> Callable[[], object]:
    import skorch

    model = skorch.NeuralNetClassifier(
        module(X.shape[1], 2),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=RATE,
        batch_size=batch,
        max_epochs=epochs,
        train_split=None,
        verbose=0,
    )
    values, labels = X.astype(np.float32), y.astype(np.int64)
    return lambda: model.fit(values, labels)


def per_epoch(makers: dict[str, Callable[[int], Callable[[], object]]], epochs: int, repeats: int) -> dict[str, float]:
    """Seconds of an epoch by name, start-up taken out: the time of many epochs less that of one.

    All take turns, so that whatever else the machine does falls on each of them alike.
    """
    many = {name: float("inf") for name in makers}
    one = dict(many)
    for _ in range(repeats):
        for name, make in makers.items():
            many[name] = min(many[name], timed(make(1 + epochs), 1))
            one[name] = min(one[name], timed(make(1), 1))
    return {name: (many[name] - one[name]) / epochs for name in makers}


def report(title: str, seconds: dict[str, float]) -> None:
    print(f"\n{title}")
    reference = seconds["ours"]
    for name, value in seconds.items():
        print(f"  {name:<24}{value * 1000:10.2f} ms   ours is {value / reference:5.2f} x as fast")


def training(title: str, data: Table, *, batch: int, epochs: int, repeats: int) -> None:
    X, y = data
    makers: dict[str, Callable[[int], Callable[[], object]]] = {
        "ours": lambda n: lambda: ours(n, batch).fit(X, y),
        "bare torch loop": lambda n: lambda: bare(X, y, epochs=n, batch=batch),
        "scikit-learn MLP": lambda n: lambda: theirs(n, batch).fit(X, y),
    }
    if importlib.util.find_spec("skorch"):
        makers["skorch"] = lambda n: skorch_fit(X, y, epochs=n, batch=batch)
    report(title, per_epoch(makers, epochs, repeats))


def prediction(data: Table) -> None:
    X, y = data
    model, network = ours(1, 256).fit(X, y), bare(X, y, epochs=1, batch=256)
    reference = theirs(1, 256).fit(X, y)
    inputs = torch.tensor(X, dtype=torch.float32)

    @torch.inference_mode()
    def forward() -> torch.Tensor:
        return network(inputs)

    @torch.inference_mode()
    def in_blocks() -> torch.Tensor:
        return torch.cat([network(block) for block in inputs.split(4096)])

    seconds = {
        "ours": timed(lambda: model.predict(X), 15),
        "bare forward pass": timed(forward, 15),
        "the same in blocks": timed(in_blocks, 15),
        "scikit-learn MLP": timed(lambda: reference.predict(X), 15),
    }
    report("prediction of 100,000 x 20", seconds)


def stacked(data: Table, *, folds: int = 5, epochs: int = 20, batch: int = 32) -> None:
    """Train the folds of a cross-validation as one network whose weights have a leading axis, with torch.func."""
    X, y = data
    parts = [np.delete(np.arange(len(X)), np.arange(fold, len(X), folds)) for fold in range(folds)]
    rows = min(map(len, parts))
    parts = [part[:rows] for part in parts]
    inputs = torch.stack([torch.tensor(X[part], dtype=torch.float32) for part in parts])
    targets = torch.stack([torch.tensor(y[part], dtype=torch.float32) for part in parts])
    template = module(X.shape[1], 1)

    def loss(weights: dict[str, torch.Tensor], x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        outputs = torch.func.functional_call(template, weights, (x,)).squeeze(1)
        return nn.functional.binary_cross_entropy_with_logits(outputs, t)

    step = torch.func.vmap(torch.func.grad(loss))

    def together() -> None:
        weights = {
            name: torch.stack([values.detach()] * folds).requires_grad_()
            for name, values in template.named_parameters()
        }
        optimizer = torch.optim.Adam(weights.values(), lr=RATE, fused=True)
        for _ in range(epochs):
            order = torch.stack([torch.randperm(rows) for _ in range(folds)])
            mixed = inputs.gather(1, order.unsqueeze(2).expand(-1, -1, inputs.shape[2]))
            mixed_targets = targets.gather(1, order)
            for x, t in zip(mixed.split(batch, 1), mixed_targets.split(batch, 1), strict=True):
                gradients = step(weights, x, t)
                for name, values in weights.items():
                    values.grad = gradients[name]
                optimizer.step()

    one = timed(lambda: [bare(X[part], y[part], epochs=epochs, batch=batch) for part in parts], 3)
    through_ours = timed(lambda: [ours(epochs, batch).fit(X[part], y[part]) for part in parts], 3)
    all_at_once = timed(together, 3)
    print(f"\n{folds} folds of {len(X)} x {X.shape[1]}, batch {batch}, {epochs} epochs")
    print(f"  bare loop, fold by fold {one:8.3f} s\n  ours, fold by fold      {through_ours:8.3f} s")
    print(
        f"  stacked with torch.func {all_at_once:8.3f} s   {one / all_at_once:.2f} x as fast as the bare loop, "
        f"{through_ours / all_at_once:.2f} x as fast as ours"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stacked", action="store_true", help="also train five folds as one stacked network")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    big = make_classification(100_000, 20, n_informative=10, random_state=0)
    small = load_breast_cancer(return_X_y=True)
    training("an epoch of 100,000 x 20, 64-64, batch 256", big, batch=256, epochs=3, repeats=5)
    training("an epoch of 569 x 30, 64-64, batch 32", small, batch=32, epochs=30, repeats=12)
    prediction(big)
    if arguments.stacked:
        stacked(small)
        stacked(big, epochs=2, batch=256)


if __name__ == "__main__":
    main()
