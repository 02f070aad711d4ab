"""Choose a strength on validation rows, then answer test rows before, after, and with one moved threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from audit.costs import Costs
from audit.errors import AuditError, ModelError
from audit.estimate.gaps import ends, toward_favorable
from audit.evidence import CONTROL, MITIGATED, NONE, Guess, Mitigated, Perturbed, Predictions, Strength, join
from audit.gather._perturbed import share_classes
from audit.gather._reference_models import linear_rival, strong_rivals
from audit.mitigation.bench import Bench, FloatArray, Rows, Sealed
from audit.mitigation.candidates import SEEDS, Candidate, Method
from audit.mitigation.pipelines import numbers_of, parts
from audit.mitigation.rules import cut_for_rate
from audit.mitigation.tradeoff import costs_of, tradeoff
from audit.models.load import Model
from reports.record import Task

ROOM = 0.5
"""Share of the limit that a gap may take on validation rows, so that new rows have room."""
MOST_GUESSED = 2000
"""Rows that guesses of the group are trained on, and made for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """What was chosen among the candidates, and why."""

    candidates: tuple[Candidate, ...]
    gaps: tuple[float, ...]
    """On validation rows."""
    place: int

    @property
    def candidate(self) -> Candidate:
        """The one that was chosen."""
        return self.candidates[self.place]


def in_standard_deviations(bench: Bench, predictions: Predictions) -> Predictions:
    """Return numbers in standard deviations of the training target; classes as they are."""
    if predictions.task != "regression":
        return predictions
    spread = float(np.std(bench.dataset.y[bench.everything].astype(np.float64))) or 1.0
    true, predicted = (part.astype(np.float64) / spread for part in (predictions.y_true, predictions.y_pred))
    return replace(predictions, y_true=true, y_pred=predicted)


def answers(bench: Bench, model: Sealed | Model, split: str) -> Predictions:
    """Ask a model for the rows of a split."""
    return in_standard_deviations(bench, bench.predictions(model, bench.rows(split))).select(split=split)


def answers_before(bench: Bench, split: str) -> Predictions:
    """Ask the model as it was for the rows of a split; a copy that has not seen them answers validation rows."""
    twin = bench.twin()
    return answers(bench, bench.model if twin is bench.model.predictor else bench.seal(twin), split)


def choose(bench: Bench, method: Method, before: Predictions, limit: float, *, anyway: bool) -> Choice:
    """Compare the candidates that narrow the gap on validation rows.

    A strict method takes the one whose gap and loss together are least. Others take the least loss among those
    whose gap leaves room below the limit; where none does, gap and loss together are least.

    Raises
    ------
    ModelError
        If none narrows the gap, unless the best of them is wanted `anyway`.
    """
    candidates = tuple(method.propose(bench))
    answered = [answers(bench, candidate.trial, "validation") for candidate in candidates]
    was, *gaps = (_gap(bench, part) for part in (before, *answered))
    costs = costs_of(bench)
    losses = [_loss(before, after, costs) for after in answered]
    narrower = [place for place, value in enumerate(gaps) if value < was]
    if not narrower and not anyway:
        raise ModelError(
            f"no strength of {method.name} narrows the gap on the validation rows: {was:.3f} before, {min(gaps):.3f} "
            "at best. Use another method; --anyway writes the best of them."
        )
    places = narrower or range(len(candidates))
    within = [place for place in places if gaps[place] <= ROOM * limit]
    if method.strict or not within:
        place = min(places, key=lambda at: gaps[at] + max(losses[at], 0.0))
    else:
        place = min(within, key=lambda at: losses[at])
    return Choice(candidates=candidates, gaps=tuple(gaps), place=place)


def _gap(bench: Bench, predictions: Predictions) -> float:
    limits = ends(predictions, bench.constraint.rates, bench.features)
    return 1.0 if limits is None else float(limits.gap.value or 0.0)


def _loss(before: Predictions, after: Predictions, costs: Costs | None) -> float:
    """Return what a decision loses: cost in its own range where it is known, else accuracy, else explained variance."""
    weight, true = before.weight, before.y_true
    if before.task == "regression":
        number = true.astype(np.float64)
        spread = float(np.average((number - np.average(number, weights=weight)) ** 2, weights=weight)) or 1.0
        paid = [(number - part.y_pred.astype(np.float64)) ** 2 / spread for part in (before, after)]
    elif costs is None:
        paid = [(part.y_pred != true).astype(np.float64) for part in (before, after)]
    else:
        least, most = costs.range
        paid = [costs.by_row(true, part.y_pred) / (most - least) for part in (before, after)]
    return float(np.average(paid[1] - paid[0], weights=weight))


def control_of(bench: Bench, trial: Sealed) -> Sealed | None:
    """Return the old model with one threshold moved to the selection rate of the mitigated one, or ``None``.

    In regression, with one constant added so that the mean answer is the same.
    """
    rows = bench.rows("validation")
    after = bench.predictions(trial, rows)
    given = bench.model.predictor
    if bench.dataset.task == "regression":
        before = bench.predictions(bench.seal(bench.twin()), rows)
        weight = bench.weight(rows)
        moved = np.average(after.y_pred.astype(np.float64) - before.y_pred.astype(np.float64), weights=weight)
        return bench.seal(given, offsets=float(moved))
    if not bench.binary or not any(hasattr(given, name) for name in ("predict_proba", "decision_function")):
        return None
    scored = bench.scores_of(bench.twin(), rows)
    rate = float(np.average(toward_favorable(after).y_pred == 1, weights=scored.weight))
    return bench.seal(given, thresholds=bench.sign() * cut_for_rate(scored.score, scored.weight, rate))


def control_answers(bench: Bench, trial: Sealed, before: Predictions) -> Predictions | str:
    """Answer test rows as the old model would with one threshold moved, or say in words why there is no control."""
    if bench.dataset.task == "multiclass":
        return _moved_class(bench, trial, before)
    control = control_of(bench, trial)
    if control is None:
        return (
            "no control: the model gives only labels, without scores, so no threshold can be moved to give as many "
            "people the favorable answer; what the method itself contributes is not known"
        )
    return answers(bench, control, "test")


def _moved_class(bench: Bench, trial: Sealed, before: Predictions) -> Predictions | str:
    """Answer the favorable class where its score exceeds the others' by a margin, else the best of the others."""
    favorable = bench.favorable
    if favorable < 0:
        return "no control: several classes, and [data] favorable does not say for which class to move the threshold"
    known = answers(bench, bench.seal(bench.twin()), "validation")
    if before.y_score is None or known.y_score is None:
        return "no control: the model gives only labels of several classes, without scores; no threshold can be moved"
    after = answers(bench, trial, "validation")
    weight = np.ones(len(known)) if known.weight is None else known.weight
    rate = float(np.average(after.y_pred == favorable, weights=weight))
    cut = cut_for_rate(_margins(known.y_score, favorable)[0], weight, rate)
    margin, second = _margins(before.y_score, favorable)
    return replace(before, y_pred=np.where(margin >= cut, favorable, second).astype(before.y_pred.dtype))


def _margins(scores: FloatArray, favorable: int) -> tuple[FloatArray, Rows]:
    """Return by how much the favorable class is ahead of the best other one, and which that is."""
    others = np.array(scores, dtype=np.float64)
    others[:, favorable] = -np.inf
    second = others.argmax(axis=1)
    return np.asarray(scores[:, favorable] - others[np.arange(len(others)), second]), second


def evidence(bench: Bench, method: Method, choice: Choice, final: Sealed | Model) -> Mitigated:
    """Answer the test rows in every way that the report compares."""
    before, after = answers(bench, bench.model, "test"), answers(bench, final, "test")
    variants, parts = [NONE, MITIGATED], [before, after]
    control = control_answers(bench, choice.candidate.trial, before)
    if isinstance(control, str):
        bench.notes.append(control)
    else:
        variants.append(CONTROL)
        parts.append(control)
    front = []
    for place, (candidate, tuned) in enumerate(zip(choice.candidates, choice.gaps, strict=True)):
        chosen = place == choice.place
        shown = after if chosen else answers(bench, candidate.trial if method.trains else candidate.final(), "test")
        front.append(Strength(label=candidate.label, chosen=chosen, predictions=shown, tuning_gap=tuned))
    if bench.settings.costs is None and (weighed := tradeoff(bench)) is not None:
        bench.notes.append(weighed.words)
    return Mitigated(
        method=method.name,
        constraint=bench.constraint.name,
        words=bench.constraint.words,
        rates=bench.constraint.rates,
        higher=bench.constraint.higher,
        features=bench.features,
        arms=Perturbed(predictions=join(share_classes(parts), "variant", variants)),
        reads_group=method.reads_group,
        read_before=tuple(name for name in bench.columns if name in bench.dataset.features),
        front=tuple(front),
        seeds=tuple(answers(bench, choice.candidate.redrawn(seed), "test") for seed in SEEDS),
        proxies=tuple(proxies(bench, choice.candidate.trial)),
        costs=costs_of(bench),
        notes=tuple(bench.notes),
    )


def proxies(bench: Bench, sealed: Sealed) -> list[Guess]:
    """Guess the group of test rows from what the model reads but the group itself, before and after."""
    names = [name for name in bench.dataset.features if name not in bench.columns]
    if not names:
        return []
    if sealed.shifts is None:
        return guesses(bench, bench.dataset.frame.loc[:, names], after=False)
    rows = np.arange(len(bench.dataset))
    X = bench.dataset.frame.loc[:, list(sealed.feature_names_in_)].take(rows).reset_index(drop=True)
    own = X.loc[:, list(bench.dataset.features)]
    given = parts(sealed.estimator_)[0]
    before = numbers_of(own if given is None else given.transform(own.to_numpy() if sealed.bare_ else own))
    kept = (pd.DataFrame(before).nunique() > 1).to_numpy()
    tables = (before, np.asarray(sealed.last_inputs(X), dtype=np.float64))
    entries = []
    for table, after in zip(tables, (False, True), strict=True):
        entries += guesses(
            bench, pd.DataFrame(table[:, kept]).rename(columns=lambda place: f"column {place}"), after=after
        )
    return entries


def guesses(bench: Bench, X: pd.DataFrame, *, after: bool) -> list[Guess]:
    """Guess the group of test rows from columns, by a linear and by a nonlinear model."""
    fit, ask_ = (_some(bench, rows) for rows in (bench.rows("train"), bench.rows("test")))
    present = np.unique(bench.groups.codes[fit])
    kept = ask_[np.isin(bench.groups.codes[ask_], present)]
    if len(present) < 2 or len(np.unique(bench.groups.codes[kept])) < len(present):
        return []
    code = np.searchsorted(present, bench.groups.codes)
    entries = []
    for label, rival in (("linear", linear_rival), ("nonlinear", strong_rivals)):
        extra = (bench.seed,) if rival is strong_rivals else ()
        task: Task = "binary" if len(present) == 2 else "multiclass"
        try:
            model, _ = rival(_rows(X, fit), code[fit].astype(np.int64), task, None, *extra)
        except (ValueError, AuditError) as error:
            bench.notes.append(f"no {label} guess of the group: {str(error)[:200]}")
            continue
        score = np.asarray(model.predict_proba(_rows(X, kept)), dtype=np.float64)
        entries.append(
            Guess(
                model=label,
                after=after,
                predictions=Predictions(
                    task=task, classes=tuple(bench.groups.levels[value] for value in present),
                    y_true=code[kept].astype(np.int64), y_pred=score.argmax(axis=1).astype(np.int64),
                    y_score=score[:, 1] if task == "binary" else score, probabilities=True,
                    settings=replace(bench.settings, favorable=""),
                ),
            )
        )  # fmt: skip
    return entries


def _some(bench: Bench, rows: Rows) -> Rows:
    if len(rows) <= MOST_GUESSED:
        return rows
    return np.sort(np.random.default_rng([bench.seed, 3]).choice(rows, MOST_GUESSED, replace=False))


def _rows(X: pd.DataFrame, rows: Sequence[int] | Rows) -> pd.DataFrame:
    return X.take(np.asarray(rows)).reset_index(drop=True)
