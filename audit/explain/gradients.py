"""Attributions of networks by gradients, with their completeness held to a tolerance.

A network is met as an estimator that has ``network_`` (a torch module of standardized inputs to raw
outputs), ``input_shape_``, and ``center_`` and ``scale_`` (or ``None``); it needs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from audit.explain.encoding import FloatArray, Tick, no_tick
from audit.explain.permutation import Shapley

if TYPE_CHECKING:
    import torch

Positions = npt.NDArray[np.intp]

PARTS, NODES, FEW_NODES = 2, 16, 4
"""Parts of the way to begin with, Gauss–Legendre nodes in each, and nodes in a part that was halved."""
DEEPEST = 14
"""How often a part is halved at most."""
MOST = 65_536
"""Gradients for one row at most, about."""
NEAR = 0.01
"""An output nearer to base than this, relative to the mean, is held to that distance instead of its own."""
ROUNDING = 8.0
"""Error that is laid to rounding, in units of the outputs' last place."""
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
    """Which raw output is explained: as log-odds against the others; a single one, or ``None``: as it is."""
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
        return torch.tensor(shaped, dtype=first.dtype, device=first.device)

    def output(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the explained output of each input, shape (n,), differentiable."""
        raw: torch.Tensor = self.module(inputs).reshape(len(inputs), -1)
        if self.column is None or raw.shape[1] == 1:
            return self.slope * raw[:, 0] + self.shift
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
    slope = -1.0 if task == "binary" and column == 0 else 1.0
    return Network(
        module=estimator.network_.eval(),
        shape=tuple(estimator.input_shape_),
        center=estimator.center_,
        scale=estimator.scale_,
        column=column if task != "regression" else None,
        slope=slope if task != "regression" else float(getattr(estimator, "target_scale_", slope)),
        shift=0.0 if task != "regression" else float(getattr(estimator, "target_center_", 0.0)),
    )


def integrated_gradients(
    network: Network,
    rows: FloatArray,
    baseline: FloatArray,
    *,
    tolerance: float = 1e-3,
    most: int = MOST,
    tick: Tick = no_tick,
) -> Shapley:
    """Integrate the gradient along the straight line from a baseline to each row.

    What the gradient adds up to on a part of the way must be the difference of the outputs at its ends. Where it
    is not, the part is halved, until each row by itself is complete: smooth networks (LSTM, GRU) take few
    steps, networks with kinks (ReLU) more, and these where the kinks are.

    Parameters
    ----------
    network : Network
    rows : ndarray of shape (n, features)
    baseline : ndarray of shape (features,)
    tolerance : float
        Largest error of a row's sum, relative to the distance of its output from base, apart from rounding. Outputs
        within a hundredth of the mean distance are held to that.
    most : int
        Gradients for a row: no part of a row is halved beyond so many. :func:`incomplete` counts what remains.

    Returns
    -------
    Shapley
        ``base`` is the output of the baseline; the caller compares the sums with the outputs.

    References
    ----------
    Sundararajan, Taly and Yan 2017, Axiomatic Attribution for Deep Networks.
    """
    output = network.score(rows)
    base = float(network.score(baseline[None])[0])
    allowed = _allow(network, output, base, tolerance)
    values, error, spent = np.zeros(rows.shape), np.zeros(len(rows)), np.zeros(len(rows))
    way = _Way(network, rows, baseline)
    row, start = np.repeat(np.arange(len(rows)), PARTS), np.tile(np.arange(PARTS) / PARTS, len(rows))
    for depth in range(DEEPEST + 1):
        tick(len(rows) - len(np.unique(row)), len(rows))
        length = 1 / PARTS / 2**depth
        nodes = FEW_NODES if depth else NODES
        array = way.integrate(row, start, length, nodes)
        miss = array.sum(axis=1) - way.growth(row, start, length)
        count = np.bincount(row, minlength=len(rows))
        spent += nodes * count
        total = np.abs(error + np.bincount(row, miss, len(rows)))
        rough = np.bincount(row, np.abs(miss), len(rows))
        enough = ((total <= allowed) & (rough <= 4 * allowed)) | (2 * spent > most) | (depth == DEEPEST)
        done = enough[row] | (np.abs(miss) <= (allowed / np.sqrt(np.maximum(count, 1)))[row] / 4)
        np.add.at(values, row[done], array[done])
        error += np.bincount(row[done], miss[done], len(rows))
        if done.all():
            break
        row, start = np.repeat(row[~done], 2), np.repeat(start[~done], 2)
        start[1::2] += length / 2
    tick(len(rows), len(rows))
    return Shapley(values, base, output)


def incomplete(network: Network, attribution: Shapley, tolerance: float = 1e-3) -> int:
    """Count the rows whose sums miss the output by more than :func:`integrated_gradients` allows."""
    missed = np.abs(attribution.values.sum(axis=1) + attribution.base - attribution.output)
    return int((missed > _allow(network, attribution.output, attribution.base, tolerance)).sum())


def _allow(network: Network, output: FloatArray, base: float, tolerance: float) -> FloatArray:
    """Return the error that each row's sum may have."""
    import torch

    distance = np.abs(output - base)
    last_place = torch.finfo(next(network.module.parameters()).dtype).eps * max(float(np.abs(output).max()), abs(base))
    return np.asarray(tolerance * np.maximum(distance, NEAR * distance.mean()) + ROUNDING * last_place)


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
    attributions = []
    for number, baseline in enumerate(background):
        tick(number, len(background))
        attributions.append(integrated_gradients(network, rows, baseline, tolerance=tolerance))
    tick(len(background), len(background))
    values = np.mean([attribution.values for attribution in attributions], axis=0)
    return Shapley(values, float(np.mean([attribution.base for attribution in attributions])), attributions[0].output)


class _Way:
    """The straight lines from a baseline to rows, in parts."""

    def __init__(self, network: Network, rows: FloatArray, baseline: FloatArray) -> None:
        self.network = network
        self.inputs, self.origin = network.prepare(rows), network.prepare(baseline[None])
        self.known: dict[tuple[int, float], float] = {}

    def _at(self, row: Positions, place: FloatArray) -> torch.Tensor:
        """Return inputs on the way, by their share of it."""
        import torch

        share = torch.as_tensor(place, dtype=self.inputs.dtype, device=self.inputs.device)
        share = share.reshape(-1, *([1] * (self.inputs.dim() - 1)))
        target = self.inputs[torch.as_tensor(row, device=self.inputs.device)]
        return self.origin + share * (target - self.origin)

    def growth(self, row: Positions, start: FloatArray, length: float) -> FloatArray:
        """Return how much the output grows on each part, shape (parts,)."""
        ends = [
            (int(value), place) for value, first in zip(row, start, strict=True) for place in (first, first + length)
        ]
        new = [end for end in dict.fromkeys(ends) if end not in self.known]
        for block in self._blocks(len(new), 1):
            self._ask(new[block])
        at = np.array([self.known[end] for end in ends]).reshape(-1, 2)
        return np.asarray(at[:, 1] - at[:, 0])

    def _ask(self, ends: list[tuple[int, float]]) -> None:
        import torch

        with torch.no_grad():
            points = self._at(np.array([number for number, _ in ends]), np.array([place for _, place in ends]))
            answers = self.network.output(points).cpu().numpy().astype(np.float64)
        self.known.update(zip(ends, answers.tolist(), strict=True))

    def integrate(self, row: Positions, start: FloatArray, length: float, count: int) -> FloatArray:
        """Return what each feature adds on each part, shape (parts, features)."""
        import torch

        nodes, weights = np.polynomial.legendre.leggauss(count)
        weight = torch.as_tensor(weights / 2 * length, dtype=self.inputs.dtype, device=self.inputs.device)
        values = np.empty((len(row), int(np.prod(self.inputs.shape[1:]))))
        for block in self._blocks(len(row), count):
            here = row[block]
            places = start[block, None] + length * (nodes + 1) / 2
            points = self._at(np.repeat(here, count), places.ravel()).requires_grad_()
            (gradient,) = torch.autograd.grad(self.network.output(points).sum(), points)
            mean = torch.einsum("k,pkf->pf", weight, gradient.reshape(len(here), count, -1))
            gap = (self.inputs - self.origin)[torch.as_tensor(here, device=self.inputs.device)].flatten(1)
            values[block] = (mean * gap).detach().cpu().numpy()
        return values

    def _blocks(self, parts: int, each: int) -> list[slice]:
        size = max(1, BLOCK // (int(np.prod(self.inputs.shape[1:])) * each))
        return [slice(start, min(start + size, parts)) for start in range(0, parts, size)]


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
