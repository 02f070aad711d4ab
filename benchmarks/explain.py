"""Speed and error of explanations beside shap, lime and captum, in one run on one thread.

Run: OMP_NUM_THREADS=1 python -m benchmarks.explain [mlp] [trees] [lime] [gradients]

Seconds are those of the processor, so that other work on the machine does not count.

Error is mean |phi − exact| over mean |exact| for 20 rows, exact values by enumeration of all coalitions with
the same background. Import, compilation and the choice of coalitions (once for each number of features, a quarter
of a second) are done before any clock starts.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import cast

import numpy as np
import pandas as pd

from audit.explain.encoding import FloatArray, Score
from audit.explain.exact import exact_shapley
from audit.explain.gradients import Network, integrated_gradients, network_of
from audit.explain.lime_tabular import cut, lime_tabular
from audit.explain.permutation import evaluations, permutation_shapley
from audit.explain.tree import tree_shapley

FEATURES, BACKGROUND, CHECKED = 14, 100, 20


def table(rows: int = 20_000) -> tuple[FloatArray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, FEATURES))
    signal = (
        X[:, 0] + X[:, 1] * X[:, 2] + np.sin(2 * X[:, 3]) + 0.5 * X[:, 4] * (X[:, 5] > 0) + 0.3 * X[:, 6:].sum(axis=1)
    )
    return X, (signal + rng.normal(size=rows) > 0).astype(int)


def network(X: FloatArray, y: np.ndarray) -> tuple[Network, Score]:
    import torch

    from trainers import NetworkClassifier

    torch.set_num_threads(1)
    model = NetworkClassifier(hidden=(64, 64), epochs=10, random_state=0).fit(X, y)
    net = cast("Network", network_of(model, task="binary", column=1))

    def score(Z: FloatArray) -> FloatArray:
        with torch.inference_mode():
            return net.output(net.prepare(Z)).numpy().astype(np.float64)

    return net, score


def clocked(work: Callable[[], object]) -> tuple[object, float]:
    started = time.process_time()
    found = work()
    return found, time.process_time() - started


def line(name: str, rows: int, seconds: float, error: float | None, other: str = "") -> None:
    told = "" if error is None else f"{error:8.1%}"
    print(f"{name:44s} {rows / seconds:10.1f} rows/s {told:>9s}  {other}", flush=True)


def apart(values: FloatArray, exact: FloatArray) -> float:
    return float(np.abs(values[: len(exact)] - exact).mean() / np.abs(exact).mean())


def mlp() -> None:
    import shap

    X, y = table()
    _, score = network(X, y)
    rows, background = X[:1000], X[1000 : 1000 + BACKGROUND]
    print("\nMLP 14-64-64-1, log-odds, background 100: Shapley values")
    found, seconds = clocked(lambda: exact_shapley(score, rows[:CHECKED], background))
    exact = found.values
    line("ours, exact (2^14 coalitions)", CHECKED, seconds, 0.0)
    for pairs in (150, 200, 1000):
        few = rows if pairs <= 200 else rows[:200]
        permutation_shapley(score, rows[:1], background, generator=np.random.default_rng(0), pairs=pairs)
        found, seconds = clocked(
            lambda few=few, pairs=pairs: permutation_shapley(
                score, few, background, generator=np.random.default_rng(1), pairs=pairs
            )
        )
        asked = evaluations(FEATURES, BACKGROUND, pairs)
        line(f"ours, effort {pairs}", len(few), seconds, apart(found.values, exact), f"{asked:,} evaluations a row")
    explainer = shap.explainers.Permutation(score, background, seed=0)
    explainer(rows[:2], silent=True)
    found, seconds = clocked(lambda: explainer(rows[:100], silent=True))
    line("shap PermutationExplainer, default", 100, seconds, apart(found.values, exact))
    kernel = shap.KernelExplainer(score, background)
    found, seconds = clocked(lambda: kernel.shap_values(rows[:CHECKED], silent=True))
    line("shap KernelExplainer, default", CHECKED, seconds, apart(np.asarray(found), exact))
    sampling = shap.SamplingExplainer(score, background)
    found, seconds = clocked(lambda: sampling.shap_values(rows[:CHECKED], silent=True))
    line("shap SamplingExplainer, default", CHECKED, seconds, apart(np.asarray(found), exact))


def trees() -> None:
    import shap
    from sklearn.ensemble import HistGradientBoostingClassifier

    X, y = table()
    model = HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(X, y)
    rows, background = X[:200], X[1000 : 1000 + BACKGROUND]
    print("\nHistGradientBoosting, 100 rounds, log-odds, background 100: Shapley values, construction included")
    shap.TreeExplainer(model, background[:5]).shap_values(rows[:2])
    theirs, seconds = clocked(
        lambda: shap.TreeExplainer(model, background, feature_perturbation="interventional").shap_values(
            rows, check_additivity=False
        )
    )
    line("shap TreeExplainer, interventional", len(rows), seconds, None)
    found, seconds = clocked(lambda: tree_shapley(model, pd.DataFrame(rows), pd.DataFrame(background), column=1))
    line("ours, leaf by leaf", len(rows), seconds, apart(found.values, np.asarray(theirs)))
    found, seconds = clocked(
        lambda: permutation_shapley(model.decision_function, rows, background, generator=np.random.default_rng(0))
    )
    line("ours, 100 antithetic pairs", len(rows), seconds, apart(found.values, np.asarray(theirs)))


def lime() -> None:
    from lime.lime_tabular import LimeTabularExplainer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    X, y = table()
    rows, samples = X[:100], 5000
    print("\nLIME, 100 rows, 5000 samples, 14 features, quartile bins: error is 1 − correlation of the coefficients")
    _, by_network = network(X, y)
    linear = LogisticRegression().fit(X, y)
    boosted = HistGradientBoostingClassifier(random_state=0).fit(X, y)
    scores = {"linear": linear.decision_function, "MLP": by_network, "boosting": boosted.decision_function}
    for name, score in scores.items():
        explainer = LimeTabularExplainer(X[:2000], mode="regression", random_state=0)
        explainer.explain_instance(rows[0], score, num_features=FEATURES, num_samples=100)
        theirs = np.zeros((len(rows), FEATURES))

        def package(explainer: object = explainer, score: Score = score, theirs: FloatArray = theirs) -> None:
            for number, row in enumerate(rows):
                told = explainer.explain_instance(row, score, num_features=FEATURES, num_samples=samples)
                for feature, weight in told.local_exp[1]:
                    theirs[number, feature] = weight

        _, slow = clocked(package)
        line(f"lime package, {name}", len(rows), slow, None)
        generator, bins = np.random.default_rng(0), cut(X[:2000], np.ones(FEATURES, dtype=bool))
        found, quick = clocked(
            lambda s=score, g=generator, b=bins: lime_tabular(s, rows, b, generator=g, samples=samples)
        )
        correlation = float(np.corrcoef(found.values.ravel(), theirs.ravel())[0, 1])
        line(f"ours, batched, {name}", len(rows), quick, 1 - correlation, f"{slow / quick:.1f} times as fast")


def gradients() -> None:
    import torch
    from captum.attr import IntegratedGradients

    X, y = table()
    net, _ = network(X, y)
    rows, baseline = X[:1000], X[1000 : 1000 + BACKGROUND].mean(axis=0)
    print("\nMLP, integrated gradients from the mean background row: error is the completeness residual")
    found, seconds = clocked(lambda: integrated_gradients(net, rows, baseline, tolerance=5e-3))
    error = (
        np.abs(found.values.sum(axis=1) + found.base - found.output).mean() / np.abs(found.output - found.base).mean()
    )
    line("ours, steps doubled to 0.5 %", len(rows), seconds, float(error))
    inputs, start = net.prepare(rows), net.prepare(baseline[None])
    captum = IntegratedGradients(net.output)
    for steps in (50, 200):
        values, seconds = clocked(lambda n=steps: captum.attribute(inputs, start, n_steps=n, internal_batch_size=4096))
        with torch.no_grad():
            total = net.output(inputs) - net.output(start)
        error = float((values.sum(dim=1) - total).abs().mean() / total.abs().mean())
        line(f"captum, {steps} steps", len(rows), seconds, error)


PARTS = {"mlp": mlp, "trees": trees, "lime": lime, "gradients": gradients}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for wanted in sys.argv[1:] or PARTS:
        PARTS[wanted]()
