"""Optimizers in their quickest form, and the learning rate by epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch  # noqa: TID253 -- this module is imported only when a network is trained

from trainers.plan import Plan

if TYPE_CHECKING:
    from trainers.gradients import Flat


def optimizer_for(flat: Flat, plan: Plan) -> torch.optim.Optimizer:
    """Make the optimizer, with L2 on weight matrices only; fused where torch has that.

    L2 is added to the gradient; AdamW instead shrinks the weights themselves (Loshchilov and Hutter 2019).
    """
    groups = [{"params": flat.matrices, "weight_decay": plan.l2}, {"params": flat.vectors, "weight_decay": 0.0}]
    if plan.l2 == 0:
        groups = [{"params": [*flat.matrices, *flat.vectors], "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    rate = plan.learning_rate
    if plan.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=plan.momentum, nesterov=plan.momentum > 0, fused=True)
    if plan.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, lr=rate, momentum=0.0, foreach=True)
    kind = torch.optim.AdamW if plan.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, fused=True)


def learning_rate(plan: Plan, done: int, setbacks: int) -> float:
    """Give the rate of the epoch after `done` epochs; `setbacks` counts the plateaus met so far.

    Examples
    --------
    >>> from trainers.plan import Plan
    >>> plan = Plan(objective="binary", batch_size=1, epochs=10, learning_rate=0.1, schedule="linear")
    >>> [round(learning_rate(plan, done, 0), 3) for done in (0, 5)]
    [0.1, 0.05]
    """
    if done < plan.warmup:
        return plan.learning_rate * (done + 1) / (plan.warmup + 1)
    share = (done - plan.warmup) / max(1, plan.epochs - plan.warmup)
    factors: dict[str, float] = {
        "constant": 1.0,
        "linear": 1 - share,
        "cosine": (1 + math.cos(math.pi * share)) / 2,
        "exponential": 0.01**share,
        "step": 0.1 ** int(share * 3),
        "plateau": 0.5**setbacks,
    }
    return plan.learning_rate * factors[plan.schedule]
