"""shap's own estimators, for those who ask for them by name; each is held to its sums like any other."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np

from audit.errors import NotApplicable
from audit.explain.encoding import FloatArray, Score
from audit.explain.gradients import Network
from audit.explain.permutation import Shapley
from audit.optional import require


def _shap() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing shap touches deprecated corners of matplotlib
        return require("shap", extra="explain", purpose="SHAP's own explainers")


def shap_kernel(score: Score, rows: FloatArray, background: FloatArray, *, seed: int = 0) -> Shapley:
    """Explain by shap's KernelExplainer with its defaults: slow, and an oracle for few features.

    References
    ----------
    Lundberg and Lee 2017.
    """
    explainer = _shap().KernelExplainer(score, background)
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        values = np.asarray(explainer.shap_values(rows, silent=True), dtype=np.float64)
    finally:
        np.random.set_state(state)
    return Shapley(values, float(np.mean(score(background))), score(rows))


def shap_permutation(score: Score, rows: FloatArray, background: FloatArray, *, seed: int = 0) -> Shapley:
    """Explain by shap's PermutationExplainer with its defaults; its first call compiles for some seconds."""
    explainer = _shap().explainers.Permutation(score, background, seed=seed)
    result = explainer(rows, silent=True)
    return Shapley(np.asarray(result.values, dtype=np.float64), float(np.mean(score(background))), score(rows))


def shap_deep(network: Network, rows: FloatArray, background: FloatArray) -> Shapley:
    """Explain by shap's DeepExplainer: exact sums on dense and convolutional networks, wrong on others.

    Raises
    ------
    NotApplicable
        If shap does not know a layer.
    """
    import torch

    class Explained(torch.nn.Module):
        """The explained output as a module of its own."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = network.module

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return network.output(inputs)[:, None]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # shap warns of each layer that it does not know
            explainer = _shap().DeepExplainer(Explained().eval(), network.prepare(background))
            result = explainer.shap_values(network.prepare(rows), check_additivity=False)
    except (RuntimeError, AssertionError, ValueError, AttributeError) as error:
        said = " ".join(str(error).split())[:160]
        raise NotApplicable(f"shap's DeepExplainer refused: {type(error).__name__}: {said}") from error
    values = np.asarray(result, dtype=np.float64).reshape(len(rows), -1)
    return Shapley(values, float(network.score(background).mean()), network.score(rows))
