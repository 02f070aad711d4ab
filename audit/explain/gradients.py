"""Attributions of networks by gradients, with their completeness held to a tolerance.

A network is met as an estimator that has ``network_`` (a torch module of standardized inputs to raw
outputs), ``input_shape_``, and ``center_`` and ``scale_`` (or ``None``); nothing else is asked of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from audit.explain.encoding import FloatArray, Tick, no_tick
from audit.explain.permutation import Shapley

if TYPE_CHECKING:
    import torch

STEPS = (32, 64, 128, 256, 512, 1024, 2048)
BLOCK = 2**17
"""Numbers in a block of inputs at most."""


@runtime_checkable
class NetworkEstimator(Protocol):
    """What a fitted network must show."""

    network_: torch.nn.Module
    input_shape_: tuple[int, ...]
    center_: FloatArray | None
    scale_: FloatArray | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """A network's explained output as a function of its inputs, and the way from table rows to inputs."""

    module: torch.nn.Module
    shape: tuple[int, ...]
    center: FloatArray | None
    scale: FloatArray | None
    column: int | None
    """Which raw output is explained: as log-odds against the others; ``None``: the single one as it is."""
    slope: float = 1.0
    """What one unit of the raw output is on the explained scale (regression; -1 for the other class)."""
    shift: float = 0.0

    def prepare(self, rows: FloatArray) -> torch.Tensor:
        """Turn table rows, shape (n, features), into inputs of the network."""
        import torch

        shaped = rows.reshape(len(rows), *self.shape)
        if self.center is not None and self.scale is not None:
            shaped = shaped - self.center
            shaped /= self.scale
        first = next(self.module.parameters())
        return torch.as_tensor(shaped, dtype=first.dtype, device=first.device)

    def output(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the explained output of each input, shape (n,), differentiable."""
        raw: torch.Tensor = self.module(inputs)
        if self.column is None:
            return self.slope * raw.reshape(len(inputs), -1)[:, 0] + self.shift
        others = raw.clone()
        others[:, self.column] = -float("inf")
        return raw[:, self.column] - others.logsumexp(dim=1)

    def score(self, rows: FloatArray) -> FloatArray:
        """Return the explained output of table rows."""
        import torch

        size = max(1, BLOCK // max(rows.shape[1], 1))
        with torch.no_grad():
            parts = [
                self.output(self.prepare(rows[start : start + size])).cpu().numpy()
                for start in range(0, len(rows), size)
            ]
        return np.concatenate(parts).astype(np.float64)


def network_of(estimator: object, *, task: str, column: int | None) -> Network | None:
    """Return the network of an estimator that has one and reads numbers, else ``None``.

    Parameters
    ----------
    estimator : object
    task : {"binary", "multiclass", "regression"}
    column : int or None
        The estimator's own position of the explained class.
    """
    if not isinstance(estimator, NetworkEstimator) or bool(getattr(estimator, "token_count_", False)):
        return None
    single = task != "multiclass"
    slope = -1.0 if task == "binary" and column == 0 else 1.0
    return Network(
        module=estimator.network_.eval(),
        shape=tuple(estimator.input_shape_),
        center=estimator.center_,
        scale=estimator.scale_,
        column=None if single else column,
        slope=slope if task != "regression" else float(getattr(estimator, "target_scale_", slope)),
        shift=0.0 if task != "regression" else float(getattr(estimator, "target_center_", 0.0)),
    )


def integrated_gradients(
    network: Network, rows: FloatArray, baseline: FloatArray, *, tolerance: float = 1e-3, tick: Tick = no_tick
) -> Shapley:
    """Integrate the gradient along the straight line from a baseline to each row.

    Until the sums of all rows miss the outputs by no more than the tolerance on average, Gauss–Legendre steps
    are doubled for the rows that miss by more, up to 2048. Networks with kinks (ReLU) need most of them,
    smooth ones (LSTM, GRU) a few.

    Parameters
    ----------
    network : Network
    rows : ndarray of shape (n, features)
    baseline : ndarray of shape (features,)
    tolerance : float
        Largest mean error of the sums, relative to the mean absolute deviation of the outputs from base.

    Returns
    -------
    Shapley
        ``base`` is the output of the baseline; the caller holds the sums against the outputs.

    References
    ----------
    Sundararajan, Taly and Yan 2017, Axiomatic Attribution for Deep Networks.
    """
    output = network.score(rows)
    base = float(network.score(baseline[None])[0])
    allowed = tolerance * max(float(np.abs(output - base).mean()), 1e-9)
    values = np.zeros(rows.shape)
    open_rows = np.arange(len(rows))
    error = np.full(len(rows), np.inf)
    for steps in STEPS:
        for done, place in enumerate(_blocks(open_rows, rows.shape[1], steps)):
            tick(len(rows) - len(open_rows) + done, len(rows))
            values[place] = _integrate(network, rows[place], baseline, steps)
        error[open_rows] = np.abs(values[open_rows].sum(axis=1) + base - output[open_rows])
        open_rows = np.flatnonzero(error > allowed)
        if error.mean() <= allowed:
            break
    tick(len(rows), len(rows))
    return Shapley(values, base, output)


def expected_gradients(
    network: Network, rows: FloatArray, background: FloatArray, *, tolerance: float = 1e-3, tick: Tick = no_tick
) -> Shapley:
    """Average integrated gradients over several baselines, so that the base is the mean output over them.

    Parameters
    ----------
    network : Network
    rows : ndarray of shape (n, features)
    background : ndarray of shape (b, features)
    tolerance : float
        As in :func:`integrated_gradients`, for each baseline.

    References
    ----------
    Erion et al. 2021, Improving performance of deep learning models with axiomatic attribution priors
    and expected gradients (shap's GradientExplainer draws at random what is integrated here).
    """
    found = []
    for number, baseline in enumerate(background):
        tick(number, len(background))
        found.append(integrated_gradients(network, rows, baseline, tolerance=tolerance))
    tick(len(background), len(background))
    values = np.mean([one.values for one in found], axis=0)
    return Shapley(values, float(np.mean([one.base for one in found])), found[0].output)


def _blocks(rows: np.ndarray, width: int, steps: int) -> list[np.ndarray]:
    size = max(1, BLOCK // (width * steps))
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _integrate(network: Network, rows: FloatArray, baseline: FloatArray, steps: int) -> FloatArray:
    import torch

    nodes, weights = np.polynomial.legendre.leggauss(steps)
    inputs, start = network.prepare(rows), network.prepare(baseline[None])
    share = torch.as_tensor((nodes + 1) / 2, dtype=inputs.dtype, device=inputs.device)
    weight = torch.as_tensor(weights / 2, dtype=inputs.dtype, device=inputs.device)
    gap = inputs - start
    line = [-1, *([1] * (inputs.dim()))]
    points = (start + share.reshape(line) * gap).flatten(0, 1).requires_grad_()
    (gradient,) = torch.autograd.grad(network.output(points).sum(), points)
    mean = (gradient.reshape(steps, *inputs.shape) * weight.reshape(line)).sum(dim=0)
    found = (mean * gap).reshape(len(rows), -1).detach().cpu().numpy()
    return np.asarray(found, dtype=np.float64)


def shuffled_weights(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Copy a network with the values of every weight tensor shuffled: its knowledge gone, its scales kept.

    References
    ----------
    Adebayo et al. 2018, Sanity Checks for Saliency Maps (model randomization).
    """
    import copy

    import torch

    generator = torch.Generator().manual_seed(seed)
    other = copy.deepcopy(module)
    with torch.no_grad():
        for values in other.parameters():
            flat = values.reshape(-1)
            values.copy_(flat[torch.randperm(len(flat), generator=generator).to(flat.device)].reshape(values.shape))
    return other
