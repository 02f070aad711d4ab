"""Rows moved a little in the direction that hurts most: projected gradient steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from audit.columns import label_texts
from audit.errors import NotApplicable
from audit.gather._variants import Positions, Variant, asked, sample
from audit.optional import require
from audit.variants import Perturbed

if TYPE_CHECKING:
    from audit.evidence import FloatArray
    from audit.gather import Context

BLOCK = 512


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
    seconds: float = 60.0,
) -> Perturbed:
    """Attack a differentiable classifier by projected gradient descent, from a random start.

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
    seconds : float
        Budget.

    Raises
    ------
    NotApplicable
        If the model has no gradient by its inputs.
    """
    model, dataset = context.fitted(), context.dataset
    if dataset.task == "regression":
        raise NotApplicable("asks whether accuracy is halved; this model predicts numbers")
    network = model.predictor
    if not hasattr(network, "network_") or not hasattr(network, "center_"):
        raise NotApplicable(f"needs the model's gradient; {type(network).__name__} is not differentiable here")
    if getattr(network, "token_count_", 0):
        raise NotApplicable("tokens have no gradient: texts are corrupted instead (ROB006)")
    require("torch", extra="torch", purpose="adversarial steps")
    base, notes = sample(context, rows, "attacked")
    X = dataset.inputs(base)
    reach = _reach(context, size, pixels)
    notes = (*notes, f"{steps} steps within {reach.told}")

    def attack() -> pd.DataFrame:
        return _attack(context, X, base, reach, steps)

    return asked(
        context, base, [Variant(f"projected gradient, {reach.told}", attack, base)],
        what="attacking", seconds=seconds, notes=notes, scores=False,
    )  # fmt: skip


def _reach(context: Context, size: float, pixels: float) -> Reach:
    dataset = context.dataset
    known = dataset.inputs(dataset.rows("train" if dataset.has("train") else "test")).to_numpy(dtype=np.float64)
    shape = tuple(getattr(context.fitted().predictor, "input_shape_", ()))
    if len(shape) == 3:
        low, high = float(known.min()), float(known.max())
        wide = np.full(known.shape[1], pixels * (high - low))
        return Reach(wide, np.full_like(wide, low), np.full_like(wide, high), f"{pixels * 255:g}/255 of the range")
    spread = known.std(axis=0)
    return Reach(size * spread, np.full_like(spread, -np.inf), np.full_like(spread, np.inf), f"{size:g} sd")


def _attack(context: Context, X: pd.DataFrame, rows: Positions, reach: Reach, steps: int) -> pd.DataFrame:
    """Climb the loss of the true class, and come back within reach after each step."""
    from threadpoolctl import threadpool_limits

    predictor: Any = context.fitted().predictor
    dataset = context.dataset
    place = {text: code for code, text in enumerate(label_texts(np.asarray(predictor.classes_)))}
    truth = np.array([place.get(dataset.classes[int(code)], 0) for code in dataset.y[rows]], dtype=np.int64)
    plain = X.to_numpy(dtype=np.float64)
    generator = context.generator("attacked start")
    moved = np.clip(plain + generator.uniform(-1, 1, plain.shape) * reach.size, reach.low, reach.high)
    with threadpool_limits(limits=1):
        for step in range(steps):
            context.progress("attacking", step, steps)
            for start in range(0, len(plain), BLOCK):
                block = slice(start, start + BLOCK)
                uphill = np.sign(_gradient(predictor, moved[block], truth[block]))
                further = moved[block] + uphill * reach.size / 4
                near = np.clip(further, plain[block] - reach.size, plain[block] + reach.size)
                moved[block] = np.clip(near, reach.low, reach.high)
    return pd.DataFrame(moved, columns=X.columns)


def _gradient(predictor: Any, values: FloatArray, truth: np.ndarray) -> FloatArray:  # noqa: ANN401 -- told by its attributes
    """Return the gradient of the loss by the columns, through the network's own standardization."""
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
        loss = torch.nn.functional.binary_cross_entropy_with_logits(answer[:, 0], wanted.double(), reduction="sum")
    else:
        loss = torch.nn.functional.cross_entropy(answer, wanted, reduction="sum")
    (slope,) = torch.autograd.grad(loss, given)
    return np.asarray(slope.numpy())
