"""The training loop, in plain sight: batches, loss, gradients, step; once an epoch, what there is to see.

The loss is weighted with weights of mean 1; L1 and L2 act on weight matrices, never on biases, and do not stand in
the reported loss. One step of each epoch, its last, is looked at closely (gradients, length of the step by layer).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch  # noqa: TID253 -- this module is imported only when a network is trained
from torch import Tensor, nn  # noqa: TID253
from torch.nn import functional  # noqa: TID253

from trainers import probes
from trainers.augmentation import augmented
from trainers.history import TRAIN, VALIDATION, HistoryRow
from trainers.layers import PADDING, Dropout

BLOCK = 4096
"""Rows that are run forward at a time: enough to fill the processor, few enough to stay in its cache."""
TOLERANCE = 1e-4
"""Where no rows are held out: share by which the training loss must fall to count as progress."""


class Rows(NamedTuple):
    """Inputs, encoded targets and weights of mean 1 (or none), on one device."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train: the estimator's parameters, checked and complete."""

    objective: str
    """``binary``, ``multiclass`` or ``regression``."""
    batch_size: int
    epochs: int
    patience: int | None = None
    """Epochs without progress before training stops; None trains all epochs and keeps the last weights."""
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    schedule: str = "constant"
    warmup: int = 0
    l1: float = 0.0
    l2: float = 0.0
    clip_norm: float | None = None
    augment: tuple[tuple[str, float], ...] = ()
    pairs: bool = False
    """Whether a batch needs two rows (batch normalization)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it; the network holds the chosen weights."""

    history: tuple[HistoryRow, ...]
    epochs: int
    best_epoch: int
    stopped: str
    """``epochs``, ``patience``, ``interrupted`` or ``not_finite``."""


def train(
    network: nn.Module,
    rows: Rows,
    validation: Rows | None,
    plan: Plan,
    *,
    generator: torch.Generator,
    optimizer: torch.optim.Optimizer,
    first_epoch: int = 1,
    on_epoch: Callable[[tuple[HistoryRow, ...]], object] | None = None,
) -> Outcome:
    """Train `network` in place and leave its best weights in it.

    Parameters
    ----------
    network : torch.nn.Module
    rows, validation : Rows
        `validation` may be None.
    plan : Plan
    generator : torch.Generator
        On the CPU: order of the rows, augmentation, dropout.
    optimizer : torch.optim.Optimizer
        From :func:`optimizer_for`.
    first_epoch : int
        Number of the first epoch; counts on in a warm start.
    on_epoch : callable or None
        Called with the history rows of each epoch: live progress.

    Returns
    -------
    Outcome

    Warns
    -----
    RuntimeWarning
        If the loss stops being a finite number; the last good weights are kept.
    UserWarning
        If a person interrupts; the best weights so far are kept.
    """
    history: list[HistoryRow] = []
    watch = _Watch(network, plan, held_out=validation is not None)
    probe = probes.sample(rows.inputs, generator)
    _seed_dropout(network, generator, rows.inputs.device)
    stopped, epoch = "epochs", first_epoch - 1
    try:
        for epoch in range(first_epoch, first_epoch + plan.epochs):
            began = time.perf_counter()
            rate = learning_rate(plan, epoch - first_epoch, watch.setbacks)
            facts = [HistoryRow(epoch, TRAIN, "learning_rate", rate)]
            facts += run_epoch(network, rows, plan, generator, optimizer, epoch=epoch, rate=rate)
            facts += _look(network, rows, validation, plan.objective, probe, epoch)
            facts.append(HistoryRow(epoch, TRAIN, "seconds", time.perf_counter() - began))
            finite = [row for row in facts if math.isfinite(row.value)]
            history += finite
            if len(finite) < len(facts):
                history.append(HistoryRow(epoch, TRAIN, "not_finite", 1.0))
                stopped = "not_finite"
                break
            if on_epoch is not None:
                on_epoch(tuple(finite))
            if watch.see(facts, epoch):
                stopped = "patience"
                break
    except KeyboardInterrupt:
        stopped = "interrupted"
        history.append(HistoryRow(epoch, TRAIN, "interrupted", 1.0))
    _seed_dropout(network, None, rows.inputs.device)
    watch.restore(always=stopped in {"interrupted", "not_finite"})
    _say(stopped, epoch, watch.best_epoch)
    return Outcome(history=tuple(history), epochs=epoch, best_epoch=watch.best_epoch, stopped=stopped)


def run_epoch(
    network: nn.Module,
    rows: Rows,
    plan: Plan,
    generator: torch.Generator,
    optimizer: torch.optim.Optimizer,
    *,
    epoch: int,
    rate: float,
) -> list[HistoryRow]:
    """Go through all rows once, in random order; give the epoch's loss and a close look at its last step."""
    network.train()
    for group in optimizer.param_groups:
        group["lr"] = rate
    parameters = [values for values in network.parameters() if values.requires_grad]
    matrices = [values for values in parameters if values.dim() > 1]
    norms: list[Tensor] = []
    total = torch.zeros((), device=rows.inputs.device)
    close = None
    left = len(rows.inputs)
    for batch in batches(rows, plan, generator):
        optimizer.zero_grad()
        loss = mean_loss(network(augmented(batch.inputs, plan.augment, generator)), batch, plan.objective)
        torch.autograd.backward(loss)
        left -= len(batch.inputs)
        if left == 0:
            close = probes.Step(network, epoch)
        if plan.l1:
            torch._foreach_add_(
                [values.grad for values in matrices if values.grad is not None],
                torch._foreach_sign([values.detach() for values in matrices]),
                alpha=plan.l1,
            )
        if plan.clip_norm is not None:
            norms.append(nn.utils.clip_grad_norm_(parameters, plan.clip_norm))
        optimizer.step()
        total += loss.detach() * len(batch.inputs)
    facts = [HistoryRow(epoch, TRAIN, "loss", float(total) / len(rows.inputs))]
    if norms and plan.clip_norm is not None:
        share = float((torch.stack(norms) > plan.clip_norm).float().mean())
        facts.append(HistoryRow(epoch, TRAIN, "clipped_share", share))
    return facts + (close.rows() if close is not None else [])


def batches(rows: Rows, plan: Plan, generator: torch.Generator) -> Iterator[Rows]:
    """Yield all rows once, in random order; token rows stand with others of about their length."""
    count = len(rows.inputs)
    order = torch.randperm(count, generator=generator)
    tokens = not rows.inputs.is_floating_point()
    if tokens:
        order = _by_length(rows.inputs, order, plan.batch_size, generator)
    pool = plan.batch_size * max(1, 65536 // plan.batch_size)
    for chosen in torch.split(order.to(rows.inputs.device), pool):
        inputs, targets = rows.inputs.index_select(0, chosen), rows.targets.index_select(0, chosen)
        weights = None if rows.weights is None else rows.weights.index_select(0, chosen)
        sizes = _sizes(len(chosen), plan.batch_size, pairs=plan.pairs)
        every_weight = [None] * len(sizes) if weights is None else torch.split(weights, sizes)
        for x, y, w in zip(torch.split(inputs, sizes), torch.split(targets, sizes), every_weight, strict=True):
            yield Rows(trimmed(x) if tokens else x, y, w)


def _sizes(count: int, size: int, *, pairs: bool) -> list[int]:
    """Cut `count` rows into batches; where a batch needs two rows, a single last one joins those before it."""
    sizes = [size] * (count // size)
    if count % size:
        sizes.append(count % size)
    if pairs and len(sizes) > 1 and sizes[-1] == 1:
        sizes[-2:] = [sizes[-2] + 1]
    return sizes


def _by_length(ids: Tensor, order: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Sort by length within pools of fifty batches, then mix the batches: little padding, still random."""
    lengths = (ids != PADDING).sum(dim=1).cpu()
    pools = [pool[lengths[pool].argsort(stable=True)] for pool in torch.split(order, size * 50)]
    groups = [batch for pool in pools for batch in torch.split(pool, size)]
    mixed = torch.randperm(len(groups), generator=generator).tolist()
    return torch.cat([groups[number] for number in mixed])


def trimmed(ids: Tensor) -> Tensor:
    """Cut off the steps that are padding in every row; networks answer the same without them."""
    used = int((ids != PADDING).any(dim=0).nonzero().max()) + 1 if bool((ids != PADDING).any()) else 1
    return ids[:, :used]


def mean_loss(outputs: Tensor, batch: Rows, objective: str) -> Tensor:
    """Weighted mean of log loss (sigmoid or softmax) or squared error.

    Examples
    --------
    >>> mean_loss(torch.tensor([[1.0], [3.0]]), Rows(torch.zeros(2), torch.tensor([1.0, 1.0]), None), "regression")
    tensor(2.)
    """
    reduction = "mean" if batch.weights is None else "none"
    if objective == "multiclass":
        losses = functional.cross_entropy(outputs, batch.targets, reduction=reduction)
    elif objective == "binary":
        losses = functional.binary_cross_entropy_with_logits(outputs.squeeze(1), batch.targets, reduction=reduction)
    else:
        losses = functional.mse_loss(outputs.squeeze(1), batch.targets, reduction=reduction)
    return losses if batch.weights is None else (losses * batch.weights).mean()


@torch.inference_mode()
def raw_outputs(network: nn.Module, inputs: Tensor) -> Tensor:
    """Run forward in blocks, in evaluation mode."""
    network.eval()
    return torch.cat([network(block) for block in torch.split(inputs, BLOCK)])


def evaluate(network: nn.Module, rows: Rows, objective: str) -> tuple[float, float]:
    """Loss and score (weighted accuracy or R²) without training."""
    outputs = raw_outputs(network, rows.inputs)
    loss = float(mean_loss(outputs, rows, objective))
    weights = torch.ones_like(rows.targets, dtype=outputs.dtype) if rows.weights is None else rows.weights
    if objective == "regression":
        center = (weights * rows.targets).sum() / weights.sum()
        spread = (weights * (rows.targets - center) ** 2).sum()
        missed = (weights * (rows.targets - outputs.squeeze(1)) ** 2).sum()
        return loss, float(1 - missed / spread) if float(spread) > 0 else 0.0
    chosen = outputs.argmax(dim=1) if objective == "multiclass" else (outputs.squeeze(1) > 0).to(rows.targets.dtype)
    return loss, float((weights * (chosen == rows.targets)).sum() / weights.sum())


def _look(
    network: nn.Module, rows: Rows, validation: Rows | None, objective: str, probe: Tensor, epoch: int
) -> list[HistoryRow]:
    """Measure what needs no gradient: scores, held-out loss, dead units."""
    part = Rows(*(None if values is None else values.index_select(0, probe) for values in rows))  # type: ignore[arg-type]
    with probes.DeadUnits(network, epoch) as dead:
        _, score = evaluate(network, part, objective)
    facts = [HistoryRow(epoch, TRAIN, "score", score), *dead.rows()]
    if validation is not None:
        loss, score = evaluate(network, validation, objective)
        facts += [HistoryRow(epoch, VALIDATION, "loss", loss), HistoryRow(epoch, VALIDATION, "score", score)]
    return facts


def optimizer_for(network: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """Make the optimizer, with L2 on weight matrices only; its fused form where torch has one.

    L2 is added to the gradient; AdamW instead shrinks the weights themselves (Loshchilov and Hutter 2019).
    """
    trained = [values for values in network.parameters() if values.requires_grad]
    groups = [
        {"params": [values for values in trained if values.dim() > 1], "weight_decay": plan.l2},
        {"params": [values for values in trained if values.dim() <= 1], "weight_decay": 0.0},
    ]
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


class _Watch:
    """Remembers the best weights, and says when there is no progress any more."""

    def __init__(self, network: nn.Module, plan: Plan, *, held_out: bool) -> None:
        self.network, self.plan, self.held_out = network, plan, held_out
        self.best = math.inf
        self.best_epoch = 0
        self.waited = self.setbacks = 0
        self.weights = self._copy()

    def _copy(self) -> dict[str, Tensor]:
        return {name: values.detach().clone() for name, values in self.network.state_dict().items()}

    def see(self, facts: list[HistoryRow], epoch: int) -> bool:
        """Take note of an epoch; say whether to stop."""
        split = VALIDATION if self.held_out else TRAIN
        loss = next(row.value for row in facts if row.split == split and row.quantity == "loss")
        needed = self.best if self.held_out or math.isinf(self.best) else self.best - TOLERANCE * abs(self.best)
        self.waited = 0 if loss < needed else self.waited + 1
        if loss < needed:
            self.best = loss
        if (loss <= self.best and self.waited == 0) or not self._keeps_best():
            self.weights, self.best_epoch = self._copy(), epoch
        if self.waited and self.waited % max(1, (self.plan.patience or 10) // 2) == 0:
            self.setbacks += 1
        return self.plan.patience is not None and self.waited >= self.plan.patience

    def _keeps_best(self) -> bool:
        return self.held_out and self.plan.patience is not None

    def restore(self, *, always: bool) -> None:
        """Put the chosen weights back: the best ones, or after trouble the last good ones."""
        if always or self._keeps_best():
            self.network.load_state_dict(self.weights)


def _seed_dropout(network: nn.Module, generator: torch.Generator | None, device: torch.device) -> None:
    """Give dropout a generator of this run, on the device where it draws."""
    drawn = generator
    if generator is not None and device.type != "cpu":
        seed = int(torch.randint(2**31, (), generator=generator))
        drawn = torch.Generator(device=device).manual_seed(seed)
    for module in network.modules():
        if isinstance(module, Dropout):
            module.generator = drawn


def _say(stopped: str, epoch: int, best: int) -> None:
    if stopped == "not_finite":
        warnings.warn(
            f"the loss was no finite number in epoch {epoch}; training stopped and the weights of epoch {best} are "
            "kept. Lower learning_rate, set clip_norm, or scale the inputs",
            RuntimeWarning,
            stacklevel=4,
        )
    elif stopped == "interrupted":
        warnings.warn(f"interrupted in epoch {epoch}; the weights of epoch {best} are kept", UserWarning, stacklevel=4)
