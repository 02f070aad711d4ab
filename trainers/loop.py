"""The training loop, in plain sight: batches, loss, gradients, step; once an epoch, what there is to see.

The loss is weighted with weights of mean 1; L1 and L2 act on weight matrices, never on biases, and do not stand in
the reported loss; a penalty on gaps does. One step of each epoch, its last, is looked at closely (gradients, length of
the step by layer).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch  # noqa: TID253 -- this module is imported only when a network is trained
from torch import Tensor, nn  # noqa: TID253

from trainers import probes
from trainers.augmentation import augment, mix_rows
from trainers.baselines import constant_loss, simple_score
from trainers.checkpoints import Checkpoint, explain_damage, require_whole
from trainers.gradients import Flat, Rows, gradients_of, mean_loss
from trainers.history import TRAIN, VALIDATION, HistoryRow
from trainers.layers import PADDING, Dropout
from trainers.optimizers import learning_rate
from trainers.plan import Plan, block_size
from trainers.probes import Facts
from trainers.scorers import score_outputs

TOLERANCE = 1e-4
"""Where no rows are held out: share by which the training loss must fall to count as progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it; the network holds the chosen weights."""

    history: tuple[HistoryRow, ...]
    epochs: int
    best_epoch: int
    stopped: str
    """``epochs``, ``patience``, ``callback``, ``interrupted`` or ``not_finite``."""


def train(
    network: nn.Module,
    rows: Rows,
    validation: Rows | None,
    plan: Plan,
    *,
    generator: torch.Generator,
    flat: Flat,
    optimizer: torch.optim.Optimizer,
    first_epoch: int = 1,
    on_epoch: Callable[[tuple[HistoryRow, ...]], object] | None = None,
    checkpoint: Checkpoint | None = None,
    seed: int = 0,
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
    flat : Flat
    optimizer : torch.optim.Optimizer
        Of the parameters in `flat`.
    first_epoch : int
        Number of the first epoch; counts on in a warm start.
    on_epoch : callable or None
        Called with the history rows of each epoch; True stops the training.
    checkpoint : Checkpoint or None
        Keeps the state after each epoch; where it holds one already, training goes on from there.
    seed : int
        What the run was seeded with, for the checkpoint.

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
    watch = _Watch(network, plan, validation, first_epoch)
    watch.seed = seed
    step = Step(network, flat, plan, optimizer, probes.Sight(network, rows.inputs, generator))
    _seed_dropout(network, generator)
    begun = _resume(checkpoint, network, optimizer, generator, watch, history)
    if first_epoch == 1 and not begun:
        history += _before(network, rows, plan.objective, step.sight)
    stopped, epoch = "epochs", begun
    try:
        for epoch in range(max(first_epoch, begun + 1), first_epoch + plan.epochs):
            began = time.perf_counter()
            step.first = epoch == 1
            step.rate = learning_rate(plan, epoch - first_epoch, watch.setbacks)
            facts = run_epoch(step, rows, generator) | _look(network, rows, validation, plan, step.sight)
            facts[TRAIN, "seconds"] = time.perf_counter() - began
            entries = [HistoryRow(epoch, *place, value) for place, value in facts.items() if math.isfinite(value)]
            history += entries
            if len(entries) < len(facts):
                stopped = "not_finite"
                break
            enough = watch.see(facts, epoch)
            if checkpoint is not None:
                checkpoint.write(_state(epoch, network, optimizer, generator, watch, history))
            if on_epoch is not None and _says_stop(on_epoch(tuple(entries))):
                stopped = "callback"
                break
            if enough:
                stopped = "patience"
                break
    except KeyboardInterrupt:
        stopped = "interrupted"
    finally:
        _seed_dropout(network, None)
    history += watch.restore(stopped, epoch)
    _warn(stopped, epoch, watch.best_epoch)
    return Outcome(history=tuple(history), epochs=epoch, best_epoch=watch.best_epoch, stopped=stopped)


def _says_stop(answer: object) -> bool:
    """Tell whether a function of the user answered True, as a truth value of Python, NumPy or torch."""
    if isinstance(answer, Tensor) and answer.dtype == torch.bool and answer.numel() == 1:
        return bool(answer)
    return isinstance(answer, bool | np.bool_) and bool(answer)


def _state(
    epoch: int,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    watch: _Watch,
    history: list[HistoryRow],
) -> dict[str, Any]:
    """Gather all that the next epoch depends on."""
    return {
        "epoch": epoch,
        "seed": watch.seed,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
        "global": torch.get_rng_state(),
        "watch": [watch.best, watch.best_epoch, watch.waited, watch.setbacks],
        "weights": watch.weights,
        "history": [list(row) for row in history],
    }


def _resume(
    checkpoint: Checkpoint | None,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    watch: _Watch,
    history: list[HistoryRow],
) -> int:
    """Put the state of a checkpoint back; return the epochs done, 0 where there is none."""
    state = None if checkpoint is None else checkpoint.read()
    if checkpoint is None or state is None:
        return 0
    with explain_damage(checkpoint.path):
        epoch = require_whole(state, network.state_dict(), optimizer)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["global"])
        watch.best, watch.best_epoch, watch.waited, watch.setbacks = state["watch"]
        watch.weights = state["weights"]
        history += [HistoryRow(*row) for row in state["history"]]
    return epoch


@dataclass(slots=True)
class Step:
    """All that one step of training needs."""

    network: nn.Module
    flat: Flat
    plan: Plan
    optimizer: torch.optim.Optimizer
    sight: probes.Sight
    rate: float = 0.0
    first: bool = False
    """Whether no row was seen before: the losses of the first epoch are those of rows not yet learned."""

    def shape_gradients(self) -> Tensor | None:
        """Add the L1 penalty's slope and clip; give the length before clipping."""
        plan = self.plan
        if plan.l1:
            for values in self.flat.matrices:
                if values.grad is not None:
                    values.grad.add_(values.detach().sign(), alpha=plan.l1)
        if plan.clip_norm is None:
            return None
        return nn.utils.clip_grad_norm_([*self.flat.matrices, *self.flat.vectors], plan.clip_norm)


def run_epoch(step: Step, rows: Rows, generator: torch.Generator) -> Facts:
    """Go through all rows once, in random order; give the epoch's loss and a close look at its last step."""
    plan, optimizer = step.plan, step.optimizer
    _wake(step.network)
    for group in optimizer.param_groups:
        group["lr"] = step.rate
    gradients = gradients_of(step.network, step.flat, plan.objective, mixed=plan.mixed, graph=plan.mixup > 0)
    losses: list[Tensor] = []
    sizes: list[int] = []
    norms: list[Tensor] = []
    left = len(rows.inputs)
    for batch in batches(rows, plan, generator):
        losses.append(gradients(_change(batch, plan, generator)))
        sizes.append(len(batch.inputs))
        left -= sizes[-1]
        if left == 0:
            step.sight.before()
        norm = step.shape_gradients()
        if norm is not None:
            norms.append(norm)
        optimizer.step()
    each = torch.stack(losses)
    mean = float((each * torch.tensor(sizes, device=each.device)).sum() / len(rows.inputs))
    facts: Facts = {(TRAIN, "learning_rate"): step.rate, (TRAIN, "loss"): mean}
    if step.first:
        facts[TRAIN, "unseen_loss"] = float(each[len(each) // 2 :].mean())
    if norms and plan.clip_norm is not None:
        facts[TRAIN, "clipped_share"] = float((torch.stack(norms) > plan.clip_norm).float().mean())
    return facts | step.sight.after()


def _change(batch: Rows, plan: Plan, generator: torch.Generator) -> Rows:
    """Change and mix the rows of a batch, as far as the plan says."""
    if plan.augment:
        batch = batch._replace(inputs=augment(batch.inputs, plan.augment, generator))
    if plan.mixup:
        inputs, targets = mix_rows(batch.inputs, batch.targets, plan.mixup, plan.classes, generator)
        batch = batch._replace(inputs=inputs, targets=targets)
    return batch


def _wake(network: nn.Module) -> None:
    """Switch to training mode, but leave frozen normalizations as they were learned."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()


def batches(rows: Rows, plan: Plan, generator: torch.Generator) -> Iterator[Rows]:
    """Yield all rows once, in random order; token rows stand with others of about their length."""
    count = len(rows.inputs)
    order = torch.randperm(count, generator=generator)
    tokens = not rows.inputs.is_floating_point()
    if tokens:
        order = _by_length(rows.inputs, order, plan.batch_size, generator)
    pool = plan.batch_size * max(1, 65536 // plan.batch_size)
    for chosen in torch.split(order.to(rows.inputs.device), pool):
        sizes = _sizes(len(chosen), plan.batch_size, pairs=plan.pairs)
        parts = [
            [None] * len(sizes) if part is None else torch.split(part.index_select(0, chosen), sizes) for part in rows
        ]
        for batch in map(Rows._make, zip(*parts, strict=True)):
            yield batch._replace(inputs=trim_padding(batch.inputs)) if tokens else batch


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


def trim_padding(ids: Tensor) -> Tensor:
    """Cut off the steps that are padding in every row; networks answer the same without them."""
    used = int((ids != PADDING).any(dim=0).nonzero().max()) + 1 if bool((ids != PADDING).any()) else 1
    return ids[:, :used]


@torch.inference_mode()
def raw_outputs(network: nn.Module, inputs: Tensor) -> Tensor:
    """Run forward in blocks, in evaluation mode."""
    if network.training:  # a walk over all modules costs as much as a small forward pass
        network.eval()
    size = block_size(inputs[0].numel()) if len(inputs) else 1
    return torch.cat([network(block) for block in torch.split(inputs, size)])


def evaluate(network: nn.Module, rows: Rows, objective: str) -> tuple[float, float]:
    """Return loss and score without training."""
    outputs = raw_outputs(network, rows.inputs)
    return float(mean_loss(outputs, rows, objective)), score_of(outputs, rows, objective)


def score_of(outputs: Tensor, rows: Rows, objective: str) -> float:
    """Return weighted accuracy, of labels all at once, or mean R²."""
    weights = outputs.new_ones(len(outputs)) if rows.weights is None else rows.weights
    if objective == "regression":
        targets, each = rows.targets.reshape(outputs.shape), weights.unsqueeze(1)
        center = (each * targets).sum(dim=0) / weights.sum()
        spread = (each * (targets - center) ** 2).sum(dim=0)
        missed = (each * (targets - outputs) ** 2).sum(dim=0)
        return float(torch.where(spread > 0, 1 - missed / spread, torch.zeros_like(spread)).mean())
    if objective == "multiclass":
        hits = outputs.argmax(dim=1) == rows.targets
    else:
        hits = ((outputs > 0) == rows.targets.reshape(outputs.shape).bool()).all(dim=1)
    return float((weights * hits).sum() / weights.sum())


def _before(network: nn.Module, rows: Rows, objective: str, sight: probes.Sight) -> list[HistoryRow]:
    """Measure where training starts from, and what needs no network at all."""
    part = rows.take(sight.rows)
    facts = sight.gradients(part, objective)
    facts[TRAIN, "constant_loss"] = constant_loss(rows, objective)
    facts[TRAIN, "narrowest_layer"] = float(probes.narrowest_layer(network))
    score = simple_score(part, objective)
    if score is not None:
        facts[TRAIN, "simple_score"] = score
    return [HistoryRow(0, *place, value) for place, value in facts.items() if math.isfinite(value)]


def _look(network: nn.Module, rows: Rows, validation: Rows | None, plan: Plan, sight: probes.Sight) -> Facts:
    """Measure what needs no gradient: scores, held-out loss, dead units."""
    part, objective = rows.take(sight.rows), plan.objective
    with sight.watching():
        score = score_of(raw_outputs(network, part.inputs), part, objective)
    facts: Facts = {(TRAIN, "score"): score} | sight.dead_units() | sight.early_steps(part, objective)
    if validation is not None:
        facts[VALIDATION, "loss"], facts[VALIDATION, "score"] = evaluate(network, validation, objective)
        facts |= score_outputs(raw_outputs(network, validation.inputs), validation, plan) if plan.scoring else {}
    return facts


class _Watch:
    """Remembers the best weights, and says when there is no progress any more."""

    def __init__(self, network: nn.Module, plan: Plan, validation: Rows | None, first_epoch: int) -> None:
        self.network, self.plan, self.held_out = network, plan, validation is not None
        self.best, self.best_epoch = math.inf, first_epoch - 1
        if validation is not None and first_epoch > 1:  # a warm start must not end worse than it began
            self.best = evaluate(network, validation, plan.objective)[0]
        self.waited = self.setbacks = self.seed = 0
        self.weights = self._copy()

    def _copy(self) -> dict[str, Tensor]:
        return {name: values.detach().clone() for name, values in self.network.state_dict().items()}

    def see(self, facts: Facts, epoch: int) -> bool:
        """Take note of an epoch; say whether to stop."""
        loss = facts[VALIDATION if self.held_out else TRAIN, "loss"]
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

    def restore(self, stopped: str, epoch: int) -> list[HistoryRow]:
        """Put the chosen weights back: the best ones, or after trouble the last good ones; say of which epoch."""
        trouble = stopped in {"interrupted", "not_finite"}
        if trouble or self._keeps_best():
            self.network.load_state_dict(self.weights)
        said = [HistoryRow(epoch, TRAIN, stopped, 1.0)] if trouble else []
        return [*said, HistoryRow(self.best_epoch, TRAIN, "kept", 1.0)]


def _seed_dropout(network: nn.Module, generator: torch.Generator | None) -> None:
    """Give dropout a generator of this run, on the device where it draws."""
    device = next(network.parameters()).device
    drawn = generator
    if generator is not None and device.type != "cpu":
        seed = int(torch.randint(2**31, (), generator=generator))
        drawn = torch.Generator(device=device).manual_seed(seed)
    for module in network.modules():
        if isinstance(module, Dropout):
            module.generator = drawn


def _warn(stopped: str, epoch: int, best: int) -> None:
    if stopped == "not_finite":
        warnings.warn(
            f"the loss was not a finite number in epoch {epoch}; training stopped and the weights of epoch {best} are "
            "kept. Lower learning_rate, set clip_norm, or scale the inputs",
            RuntimeWarning,
            stacklevel=4,
        )
    elif stopped == "interrupted":
        warnings.warn(f"interrupted in epoch {epoch}; the weights of epoch {best} are kept", UserWarning, stacklevel=4)
