"""Rows moved a little in the direction that hurts most: projected gradient steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from audit.data.columns import label_texts
from audit.errors import NotApplicable
from audit.evidence import Perturbed
from audit.gather._finite_differences import is_smooth, slopes
from audit.gather._perturbed import Positions, Variant, ask_variants, sample
from audit.gather.noise import spreads_of
from audit.models.answers import ask
from audit.models.threads import thread_limit
from audit.optional import require

if TYPE_CHECKING:
    from audit.evidence import FloatArray
    from audit.gather import Context

BLOCK, VALUES = 512, 2**20
"""Rows of a step at most, and numbers that they hold: beyond a cache every step waits for memory."""
MOST_MOVED = 200
"""Features at most of a model whose gradient is estimated by differences: each costs a call."""
PROBED = 200
"""Rows on which it is tried whether a model is smooth."""


class Reach(NamedTuple):
    """How far each column may move, and where it must stay."""

    size: FloatArray
    low: FloatArray
    high: FloatArray
    told: str


def gather(
    context: Context,
    *,
    rows: int = 1000,
    steps: int = 10,
    size: float = 0.1,
    pixels: float = 8 / 255,
    calls: int = 200_000,
) -> Perturbed:
    """Attack a differentiable classifier by projected gradient descent, from a random start.

    Networks of `trainers` give their gradient. Of other models that are smooth in their numbers (linear ones,
    kernels, networks of scikit-learn, pipelines of these) it is estimated by differences of scores.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows at most.
    steps : int
        Gradient steps, each a quarter of the reach.
    size : float
        Reach in standard deviations of each feature over the training rows.
    pixels : float
        Reach for images, as a share of the range of pixels; they stay within it.
    calls : int
        Rows that a model is asked for at most where its gradient is estimated by differences; test rows are fewer
        where that would be exceeded.

    Raises
    ------
    NotApplicable
        If the model has no gradient by its inputs.
    """
    model, dataset = context.require_model(), context.dataset
    if dataset.task == "regression":
        raise NotApplicable("applies to classifiers only; this model predicts numbers")
    network = model.predictor
    if not hasattr(network, "network_") or not hasattr(network, "center_"):
        return _by_differences(context, (rows, steps, context.affordable(calls)), size)
    if getattr(network, "token_count_", 0):
        raise NotApplicable("texts have no gradient; rule ROB006 corrupts them instead")
    require("torch", extra="torch", purpose="adversarial steps")
    base, notes = sample(context, rows, "attacked")
    X = dataset.inputs(base)
    reach = _reach(context, size, pixels)
    notes = (*notes, f"{steps} steps within {reach.told}")

    def attack() -> pd.DataFrame:
        return _attack(context, X, base, reach, steps)

    return _under(attack, reach.told, context, base, notes)


def _by_differences(context: Context, budget: tuple[int, int, int], size: float) -> Perturbed:
    """Attack a model that can only be asked, through its numeric features of many values."""
    rows, steps, calls = budget
    spreads = spreads_of(context)
    if not 0 < len(spreads) <= MOST_MOVED:
        raise NotApplicable(
            f"needs the model's gradient; finite differences give it for 1 to {MOST_MOVED} numeric features with "
            f"more than 12 distinct values, and this table has {len(spreads)}"
        )
    few, _ = sample(context, PROBED, "probed")
    if not is_smooth(_floats(context, few, spreads), spreads, _Loss(context, few)):
        kind = type(context.require_model().last).__name__
        raise NotApplicable(f"needs the model's gradient, which is not available for {kind}")
    base, notes = sample(context, min(rows, max(1, calls // (steps * (len(spreads) + 1)))), "attacked")
    text = f"{size:g} sd"
    notes = (*notes, f"{steps} steps within {text} of {len(spreads)} numeric features, uphill by differences of scores")

    def attack() -> pd.DataFrame:
        return _climb(context, base, spreads, size, steps)

    return _under(attack, text, context, base, notes)


def _under(
    attack: Callable[[], pd.DataFrame],
    text: str,
    context: Context,
    base: Positions,
    notes: tuple[str, ...],
) -> Perturbed:
    """Ask the model for the attacked rows."""
    variant = Variant(f"projected gradient, {text}", attack, base)
    return ask_variants(context, base, [variant], what="trying adversarial changes", notes=notes, scores=False)


class _Loss:
    """The loss of each row's true class, from the scores that the model gives."""

    def __init__(self, context: Context, rows: Positions) -> None:
        self.context, self.truth = context, context.dataset.y[rows].astype(np.int64)

    def __call__(self, X: pd.DataFrame) -> FloatArray:
        """Return minus the log of the true class's probability, or minus its margin."""
        answers = ask(
            self.context.require_model(), X, self.context.dataset, progress=_quiet, what="trying adversarial changes"
        )
        score = answers.y_score
        if score is None:
            raise NotApplicable(f"needs the model's scores; {answers.score_reason}")
        truth = np.tile(self.truth, len(X) // len(self.truth))
        if score.ndim == 1:
            rest = 1 - score if answers.probabilities else -score
            own = np.where(truth == 1, score, rest)
        else:
            own = np.take_along_axis(score, truth[:, None], axis=1)[:, 0]
        return np.asarray(-np.log(np.clip(own, 1e-300, 1.0)) if answers.probabilities else -own)


def _floats(context: Context, rows: Positions, spreads: Mapping[str, float]) -> pd.DataFrame:
    """Return rows whose moving features can hold any number."""
    X = context.dataset.inputs(rows)
    kinds = {name: np.float32 if X[name].dtype == np.float32 else np.float64 for name in spreads}
    return X.assign(**{name: X[name].to_numpy(dtype=kind, na_value=np.nan) for name, kind in kinds.items()})


def _climb(context: Context, rows: Positions, spreads: Mapping[str, float], size: float, steps: int) -> pd.DataFrame:
    """Climb the loss of the true class by the signs of its slopes, and come back within reach after each step."""
    plain, loss = _floats(context, rows, spreads), _Loss(context, rows)
    start = plain[list(spreads)].to_numpy(dtype=np.float64, na_value=np.nan)
    reach = size * np.array(list(spreads.values()))
    moved = start + context.generator("attacked start").uniform(-1, 1, start.shape) * reach
    worst = _Worst(moved)
    for step in range(steps):
        context.progress("trying adversarial changes", step, steps)
        height, uphill = slopes(_move(plain, spreads, moved), spreads, loss)
        worst.see(slice(None), height, moved)
        moved = np.clip(moved + np.nan_to_num(np.sign(uphill)) * reach / 4, start - reach, start + reach)
    worst.see(slice(None), loss(_move(plain, spreads, moved)), moved)
    return _move(plain, spreads, worst.values)


class _Worst:
    """The point of each row's walk at which its loss was largest: a step may lead beyond the summit."""

    def __init__(self, start: FloatArray) -> None:
        self.values, self.height = start.copy(), np.full(len(start), -np.inf)

    def see(self, block: slice, height: FloatArray, values: FloatArray) -> None:
        """Remember where the walk is higher than it has been."""
        higher = np.nan_to_num(height, nan=-np.inf) > self.height[block]
        self.values[block] = np.where(higher[:, None], values, self.values[block])
        self.height[block] = np.where(higher, height, self.height[block])


def _move(plain: pd.DataFrame, spreads: Mapping[str, float], values: FloatArray) -> pd.DataFrame:
    return plain.assign(**{name: pd.Series(values[:, k]).astype(plain[name].dtype) for k, name in enumerate(spreads)})


def _quiet(what: str, done: int, total: int) -> None:
    """Show nothing: the steps of the attack are shown."""


def _reach(context: Context, size: float, pixels: float) -> Reach:
    dataset = context.dataset
    known = dataset.inputs(dataset.rows("train" if dataset.has("train") else "test")).to_numpy(dtype=np.float64)
    shape = tuple(getattr(context.require_model().predictor, "input_shape_", ()))
    if len(shape) == 3:
        low, high = float(known.min()), float(known.max())
        wide = np.full(known.shape[1], pixels * (high - low))
        return Reach(wide, np.full_like(wide, low), np.full_like(wide, high), f"{pixels * 255:g}/255 of the range")
    spread = known.std(axis=0)
    return Reach(size * spread, np.full_like(spread, -np.inf), np.full_like(spread, np.inf), f"{size:g} sd")


def _attack(context: Context, X: pd.DataFrame, rows: Positions, reach: Reach, steps: int) -> pd.DataFrame:
    """Climb the loss of the true class, and come back within reach after each step."""
    predictor: Any = context.require_model().predictor
    dataset = context.dataset
    place = {text: code for code, text in enumerate(label_texts(np.asarray(predictor.classes_)))}
    truth = np.array([place.get(dataset.classes[int(code)], 0) for code in dataset.y[rows]], dtype=np.int64)
    plain = X.to_numpy(dtype=np.float64)
    generator = context.generator("attacked start")
    moved = np.clip(plain + generator.uniform(-1, 1, plain.shape) * reach.size, reach.low, reach.high)
    worst = _Worst(moved)
    size = min(BLOCK, max(1, VALUES // plain.shape[1]))
    with thread_limit(1):
        for step in range(steps + 1):
            context.progress("trying adversarial changes", min(step, steps), steps)
            for start in range(0, len(plain), size):
                block = slice(start, start + size)
                height, uphill = _gradient(predictor, moved[block], truth[block])
                worst.see(block, height, moved[block])
                further = moved[block] + np.sign(uphill) * reach.size / 4
                near = np.clip(further, plain[block] - reach.size, plain[block] + reach.size)
                moved[block] = np.clip(near, reach.low, reach.high)
    return pd.DataFrame(worst.values, columns=X.columns)


def _gradient(
    predictor: Any,  # noqa: ANN401 -- known by its attributes
    values: FloatArray,
    truth: np.ndarray,
) -> tuple[FloatArray, FloatArray]:
    """Return each row's loss and its gradient by the columns, through the network's own standardization."""
    import torch

    network = predictor.network_
    weights = next(network.parameters())
    network.eval()
    given = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    shaped = given.reshape(len(values), *predictor.input_shape_)
    if predictor.center_ is not None and predictor.scale_ is not None:
        shaped = (shaped - torch.as_tensor(predictor.center_)) / torch.as_tensor(predictor.scale_)
    answer = network(shaped.to(weights.device, weights.dtype)).to("cpu", torch.float64)
    wanted = torch.as_tensor(truth)
    if answer.shape[1] == 1:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(answer[:, 0], wanted.double(), reduction="none")
    else:
        loss = torch.nn.functional.cross_entropy(answer, wanted, reduction="none")
    (slope,) = torch.autograd.grad(loss.sum(), given)
    return np.asarray(loss.detach().numpy()), np.asarray(slope.numpy())
