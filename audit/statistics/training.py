"""What a training history shows of the usual faults: each as one number, with its evidence and its remedy.

Numbers and limits are apart: :func:`diagnose` measures and knows no limit but those that choose a remedy;
:func:`tripped_signs` compares the numbers with the limits that the default policy has too.

A history is any sequence of rows with ``epoch``, ``split``, ``quantity`` and ``value``. Losses alone are enough for
some signs; a network of trainers also records the loss of a constant answer, the score of two simple models on rows
that they have not seen, gradients, and lengths of steps, and so tells a low rate from a small network.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping

from audit.statistics.training_log import (
    LEARNED,
    LEARNING,
    LIMITS,
    LOWER,
    SPARE,
    Log,
    Row,
    Sign,
    is_penalized,
    rate_too_high,
    rate_too_low,
    tail,
)

RAISE = "Raise learning_rate (ten times, then again)."
LOWER_RATE = "Lower learning_rate (to a tenth); clip_norm=1.0 helps with single long steps."
EITHER = "Change learning_rate: try a tenth, then ten times; then scale the inputs and check the labels."
SCALE = "Keep standardize=True, or scale the columns in the pipeline before the network."
DEPTH = "Use ReLU with He initialization, batch_norm=True, or fewer layers."
TIME = "Use lstm or gru in place of rnn, shorter sequences, or a transformer, whose steps are all near the output."
STOP = "Stop at the minimum (early_stopping=True); add dropout or l2, augment images, or collect more rows."
HOLD = "Hold rows out (validation_fraction=0.15 with early_stopping=True); what was memorized shows only there."
LONGER = "Train for more epochs."
CAPACITY = "Give more capacity: more units or channels, or another hidden layer."
WEAKEN = "Weaken the penalty: lower l1, l2 or dropout to a tenth."
DEAD = "Lower learning_rate, use GELU or batch_norm=True, initialize by the activation (init='auto')."
BORN = (
    "Initialize by the activation (init='auto', biases at 0): a whole layer is dead from the start, and nothing passes."
)
CLIP = "Lower learning_rate, scale inputs and target, or raise clip_norm if the norms are steady."


def diagnose(history: Iterable[Row]) -> tuple[Sign, ...]:
    """Measure the signs of the usual faults of training.

    Parameters
    ----------
    history : iterable of rows

    Returns
    -------
    tuple of Sign
        In the order of the rules, with a value or a reason for none.

    References
    ----------
    Prechelt 1998 (early stopping); Hochreiter 1991 and Glorot and Bengio 2010 (vanishing gradients); Pascanu et al.
    2013 (gradients over time); Lu et al. 2019 (dying ReLU); Zhang et al. 2017 (memorized labels).

    Examples
    --------
    >>> from collections import namedtuple
    >>> Row = namedtuple("Row", "epoch split quantity value")
    >>> signs = diagnose([Row(1, "train", "loss", 1.0), Row(2, "train", "loss", 1.5)])
    >>> signs[0].value, [sign.code for sign in tripped_signs(signs)]
    (1.5, ['TRAIN001'])
    """
    log = Log(history)
    measures: tuple[Callable[[Log], Sign | list[Sign]], ...] = (
        _training_loss_ratio, _validation_loss_rise, _memorized_share, _late_improvement, _first_to_last_gradient,
        _early_to_late_step, _not_finite, _largest_gradient, _clipped_share, _dead_units, _input_scale_ratio,
        _simple_model_lead,
    )  # fmt: skip
    signs: list[Sign] = []
    for measure in measures:
        measured = measure(log)
        signs += measured if isinstance(measured, list) else [measured]
    return tuple(signs)


ORDER = (
    "input_scale_ratio", "epochs_not_finite", "largest_gradient_norm", "early_to_late_step_gradient",
    "first_to_last_gradient", "training_loss_ratio", "memorized_share", "validation_loss_rise", "simple_model_lead",
    "late_improvement", "dead_units", "clipped_share",
)  # fmt: skip
"""Causes before what follows from them: raw inputs make gradients explode, a rate too high makes units die."""


def tripped_signs(signs: Iterable[Sign], limits: Mapping[str, float] = LIMITS) -> tuple[Sign, ...]:
    """Pick the signs beyond their limits, the likeliest cause first."""
    entries = []
    for sign in signs:
        limit = limits.get(sign.quantity)
        if sign.value is None or limit is None:
            continue
        if sign.value < limit if sign.quantity in LOWER else sign.value > limit:
            entries.append(sign)
    return tuple(sorted(entries, key=lambda sign: ORDER.index(sign.quantity)))


# --- the signs ----------------------------------------------------------------------------------------


def _training_loss_ratio(log: Log) -> Sign:
    """TRAIN001: the loss at the end by the loss of knowing nothing."""
    losses, constant = log.values("loss"), log.before("constant_loss")
    value: float | None = None
    evidence = "the history holds fewer than two epochs"
    if len(losses) >= 2 or (losses and constant):
        known = [loss for loss in (constant, log.before("initial_loss")) if loss is not None]
        start, end = min(known, default=losses[0]), tail(losses)
        value = end / start if start > 0 else 1.0 + end - start
        evidence = f"training loss {losses[0]:.4g} in the first epoch, {end:.4g} at the end of {len(losses)}"
        evidence += "" if constant is None else f"; a constant answer has {constant:.4g}"
    return Sign(
        code="TRAIN001", title="loss not decreasing", quantity="training_loss_ratio", value=value, evidence=evidence,
        remedy=_rate_remedy(log, CAPACITY if _too_narrow(log) else EITHER),
    )  # fmt: skip


def _validation_loss_rise(log: Log) -> Sign:
    """TRAIN002: the validation loss at the weights that are kept, above its minimum, if training went on falling."""
    rows, train = log.series("loss", "validation"), dict(log.series("loss"))
    value: float | None = None
    evidence = "no rows were held out, or fewer than two epochs trained"
    if len(rows) >= 2:
        losses = [loss for _, loss in rows]
        best_epoch, best = min(rows, key=lambda pair: pair[1])
        kept = log.kept_epoch()
        end = dict(rows).get(kept, tail(losses)) if kept is not None and kept != rows[-1][0] else tail(losses)
        falling = not train or train[max(train)] < train.get(best_epoch, math.inf)
        scale = max(abs(best), abs(losses[0]) / 2)
        value = max(0.0, (end - best) / scale) if falling and scale > 0 and kept != best_epoch else 0.0
        evidence = (
            f"validation loss {best:.4g} at its minimum in epoch {best_epoch} of {rows[-1][0]}, {end:.4g} at the "
            "weights that are kept"
        )
    return Sign(
        code="TRAIN002", title="validation loss diverges", quantity="validation_loss_rise", value=value,
        evidence=evidence, remedy=STOP,
    )  # fmt: skip


def _memorized_share(log: Log) -> Sign:
    """TRAIN002 without held-out rows: training score beyond what simple models find on rows they have not seen."""
    score, simple = log.score(), log.before("simple_score")
    value: float | None = None
    evidence = "the history holds no score of simple models"
    if log.values("loss", "validation"):
        evidence = "rows were held out"
    elif score is not None and simple is not None:
        seen, constant = log.values("unseen_loss"), log.before("constant_loss")
        learned = bool(seen) and constant is not None and seen[0] < 0.97 * constant
        perfect = score > 0.9 or score - max(simple, 0.0) > 0.5
        value = max(0.0, score - max(simple, 0.0)) if perfect and not learned else 0.0
        evidence = (
            f"no rows were held out; training score {score:.3f}, while neighbors and a linear model reach "
            f"{simple:.3f} on rows that they have not seen"
        )
    return Sign(
        code="TRAIN002", title="memorized, unseen", quantity="memorized_share", value=value, evidence=evidence,
        remedy=HOLD,
    )  # fmt: skip


def _late_improvement(log: Log) -> Sign:
    """TRAIN003: share of all progress that the last tenth of the epochs made, if the end is the best there was."""
    losses, name = log.values("loss", "validation"), "validation"
    if not losses:
        losses, name = log.values("loss"), "training"
    start = max((value for value in (log.before("constant_loss"), losses[0] if losses else None) if value), default=0.0)
    value: float | None = None
    evidence = "the history holds fewer than two epochs"
    if len(losses) >= 2:
        window = max(1, len(losses) // 10)
        before, after = min(losses[:-window]), min(losses[-window:])
        best = losses[-1] <= min(losses) + 0.02 * (start - min(losses))
        total = start - min(before, after)
        value = max(0.0, before - after) / total if best and total > 0 else 0.0
        evidence = f"{name} loss {before:.4g}, then {after:.4g} in the last {window} of {len(losses)} epochs"
    return Sign(
        code="TRAIN003", title="still improving", quantity="late_improvement", value=value, evidence=evidence,
        remedy=RAISE if rate_too_low(log) else CAPACITY if _too_narrow(log) else LONGER,
    )  # fmt: skip


def _is_improving(log: Log) -> bool:
    return (_late_improvement(log).value or 0.0) > LIMITS["late_improvement"]


def _too_narrow(log: Log) -> bool:
    narrowest = log.before("narrowest_layer")
    return narrowest is not None and narrowest <= 2 and (_lead(log) or 0.0) > LIMITS["simple_model_lead"]


def _lead(log: Log) -> float | None:
    """Return how far simple models on unseen rows are ahead of the network on its own training rows."""
    score, simple = log.score(), log.before("simple_score")
    return None if score is None or simple is None else simple - score


def _simple_model_lead(log: Log) -> Sign:
    """TRAIN008: the network underfits where simple models do better on rows they have not seen."""
    lead = _lead(log)
    evidence = "the history holds no score of simple models"
    if lead is not None:
        lead = max(0.0, lead)
        evidence = (
            f"training score {log.score():.3f}; neighbors or a linear model reach {log.before('simple_score'):.3f} on "
            "rows that they have not seen"
        )
    improving = _is_improving(log) and not _too_narrow(log)
    return Sign(
        code="TRAIN008", title="underfits", quantity="simple_model_lead", value=lead, evidence=evidence,
        remedy=_rate_remedy(log, LONGER if improving else CAPACITY),
    )  # fmt: skip


def _rate_remedy(log: Log, otherwise: str) -> str:
    """Name what held learning back: a penalty, a rate too high or too low, or something else."""
    if is_penalized(log):
        return WEAKEN
    if rate_too_high(log):
        return LOWER_RATE
    return RAISE if rate_too_low(log) else otherwise


def _first_to_last_gradient(log: Log) -> Sign:
    """TRAIN004: gradient of the first layer by that of the last, before training or in its median, if less."""
    names = log.layers("gradient_norm")
    value: float | None = None
    born_well = False  # what vanishes only while training is the steps' fault, not the depth's
    evidence = "the network has fewer than two layers with gradients"
    if len(names) >= 2:
        first, last = (dict(log.rows["train", f"gradient_norm:{name}"]) for name in (names[0], names[-1]))
        ratios = {epoch: first[epoch] / last[epoch] for epoch in first if last.get(epoch, 0.0) > 0}
        evidence = "the gradients of the last layer are zero in every epoch"
        if ratios:
            value = min(ratios.get(0, math.inf), statistics.median(ratios.values()))
            evidence = f"gradient of {names[0]} is {value:.2g} of that of {names[-1]}"
            born_well = ratios.get(0, 0.0) > LIMITS["first_to_last_gradient"]
    remedy = LOWER_RATE if born_well else BORN if _born_dead(log) else DEPTH
    remedy = CAPACITY if _too_narrow(log) else remedy
    return Sign(
        code="TRAIN004", title="vanishing gradients", quantity="first_to_last_gradient", value=value, evidence=evidence,
        remedy=_rate_remedy(log, remedy) if is_penalized(log) or rate_too_high(log) else remedy,
    )  # fmt: skip


def _born_dead(log: Log) -> bool:
    """Tell whether all units of a layer were dead from the first epoch on, so that nothing passes it."""
    shares = [log.values(f"dead_units:{layer}") for layer in log.layers("dead_units")]
    return any(min(values[:1], default=0.0) == 1.0 for values in shares)


def _early_to_late_step(log: Log) -> Sign:
    """TRAIN004 of recurrent networks; one that learned its task shows that late steps were enough for it."""
    values = log.values("early_step_ratio")
    value = statistics.median(values) if values else None
    evidence = "the network is not recurrent, or its sequences are short"
    if value is not None:
        evidence = (
            f"gradient by the first tenth of the steps is {value:.2g} of the largest tenth's (median over epochs)"
        )
        losses, constant = log.values("loss"), log.before("constant_loss")
        if constant and min(losses) < LEARNED * constant:
            value, evidence = None, f"{evidence}; the network learned its task from later steps"
        elif constant and losses[-1] < LEARNING * constant and _is_improving(log):
            value, evidence = None, f"{evidence}; the network is still learning, and what it ends at is not known"
    return Sign(
        code="TRAIN004", title="vanishing gradients over time", quantity="early_to_late_step_gradient", value=value,
        evidence=evidence, remedy=_rate_remedy(log, TIME),
    )  # fmt: skip


def _not_finite(log: Log) -> Sign:
    broken = [epoch for (_, quantity), rows in log.rows.items() if quantity == "not_finite" for epoch, _ in rows]
    known = bool(log.rows) or log.missing > 0
    return Sign(
        code="TRAIN005", title="loss not finite", quantity="epochs_not_finite",
        value=float(log.missing + len(broken)) if known else None,
        evidence=f"the loss was not finite in epoch {broken[0]}" if broken else f"{log.missing} losses are not finite",
        remedy=SCALE if _unscaled(log) else LOWER_RATE,
    )  # fmt: skip


def _largest_gradient(log: Log) -> Sign:
    totals: dict[int, float] = {}
    for layer in log.layers("gradient_norm"):
        for epoch, norm in log.rows["train", f"gradient_norm:{layer}"]:
            totals[epoch] = math.hypot(totals.get(epoch, 0.0), norm)
    value: float | None = None
    evidence = "the history holds no gradients"
    if totals:
        epoch = max(totals, key=totals.__getitem__)
        value, evidence = totals[epoch], f"longest gradient {totals[epoch]:.3g}, in epoch {epoch}"
    return Sign(
        code="TRAIN005", title="exploding gradients", quantity="largest_gradient_norm", value=value, evidence=evidence,
        remedy=SCALE if _unscaled(log) else LOWER_RATE,
    )  # fmt: skip


def _clipped_share(log: Log) -> Sign:
    clipped = log.values("clipped_share")
    value = statistics.median(clipped) if clipped else None
    evidence = "gradients were not clipped" if value is None else f"{value:.0%} of the steps were clipped (median)"
    return Sign(
        code="TRAIN005", title="clipped at most steps", quantity="clipped_share", value=value, evidence=evidence,
        remedy=CLIP,
    )  # fmt: skip


def _dead_units(log: Log) -> list[Sign]:
    """TRAIN006: by layer, at the weights that are kept; of one or two inputs a third of all units is born so."""
    kept, signs, learned = log.kept_epoch(), [], _keeps_up(log)
    for layer in log.layers("dead_units"):
        rows = dict(log.rows["train", f"dead_units:{layer}"])
        share = rows[kept] if kept in rows else rows[max(rows)]
        evidence = f"{share:.0%} of the units of {layer} are never (or always) active"
        spare = learned and LIMITS["dead_units"] < share <= SPARE
        evidence += "; the network learned its task with the others" if spare else ""
        signs.append(
            Sign(
                code="TRAIN006",
                title="dead units",
                quantity="dead_units",
                value=None if spare else share,
                evidence=evidence,
                remedy=SCALE if _unscaled(log) else DEAD,
                layer=layer,
            )
        )
    reason = "the network has no activations that can die"
    none = Sign(code="TRAIN006", title="dead units", quantity="dead_units", value=None, evidence=reason, remedy=DEAD)
    return signs or [none]


def _keeps_up(log: Log) -> bool:
    """Tell whether the network learned something, and no simple model is ahead of it."""
    losses, constant = log.values("loss"), log.before("constant_loss")
    learned = bool(losses) and constant is not None and tail(losses) < LEARNING * constant
    return learned and (_lead(log) or 0.0) <= LIMITS["simple_model_lead"]


def _unscaled(log: Log) -> bool:
    return (log.before("input_scale_ratio") or 0.0) > LIMITS["input_scale_ratio"]


def _input_scale_ratio(log: Log) -> Sign:
    value = log.before("input_scale_ratio")
    evidence = "inputs are tokens, images or sequences, or their scales were not recorded"
    if value is not None:
        evidence = f"largest standard deviation of an input is {value:.3g} times the smallest"
    return Sign(
        code="TRAIN007", title="unscaled inputs", quantity="input_scale_ratio", value=value, evidence=evidence,
        remedy=SCALE,
    )  # fmt: skip
