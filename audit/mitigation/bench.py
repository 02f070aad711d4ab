"""The workplace of a mitigation: which rows fit, choose and judge; the model's own labels; who is in a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from audit.data.columns import label_texts
from audit.data.dataset import Dataset
from audit.data.factor import Factor
from audit.errors import AuditError, ConfigError, ModelError, quote, quote_all
from audit.evidence import Predictions, Settings
from audit.gather.predictions import predictions_of
from audit.mitigation.constraints import Constraint
from audit.mitigation.held import hold
from audit.mitigation.rules import Scored, cut_for_rate
from audit.mitigation.sealed import MitigatedClassifier, MitigatedRegressor, log_odds
from audit.models.answers import as_model_input, ask, own_names
from audit.models.containment import guard_call
from audit.models.fit_arguments import fit_arguments
from audit.models.load import Model, wrap
from audit.progress import Progress, silent

Rows = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float64]
Sealed = MitigatedClassifier | MitigatedRegressor
FEW = 30
"""Rows of a group below which it gets no rule of its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """What every method works with."""

    dataset: Dataset
    """Rows without a group left out; splits ``train``, ``validation`` and ``test``."""
    model: Model
    features: tuple[str, ...]
    """Keys of the sensitive features: one, or several that are crossed."""
    columns: tuple[str, ...]
    """Their columns in the table."""
    groups: Factor
    """Group of each row, small ones joined where a feature has very many, or several are crossed."""
    joined: Mapping[str, tuple[str, ...]]
    """Group that was joined → its levels."""
    constraint: Constraint
    settings: Settings
    seed: int
    carved: bool
    """Whether the validation rows were taken from the training rows."""
    progress: Progress = silent
    notes: list[str] = field(default_factory=list)
    kept: dict[str, object] = field(default_factory=dict)
    """What is made once."""

    # --- rows -------------------------------------------------------------------------------------

    @property
    def feature(self) -> str:
        """Return how the sensitive features are called together."""
        return " × ".join(self.features)

    def rows(self, split: str) -> Rows:
        """Return the positions of a split's rows."""
        return self.dataset.rows(split)

    @property
    def everything(self) -> Rows:
        """Return all rows that may be learned from: those carved out for choosing, too."""
        train = self.rows("train")
        return np.sort(np.concatenate([train, self.rows("validation")])) if self.carved else train

    def weight(self, rows: Rows) -> FloatArray:
        """Return what rows count for."""
        weight = self.dataset.weight
        return np.ones(len(rows)) if weight is None else weight[rows]

    def redrawn(self, rows: Rows, seed: int) -> Rows:
        """Draw as many rows anew, with replacement."""
        return np.sort(np.random.default_rng([self.seed, seed, len(rows)]).choice(rows, len(rows)))

    # --- labels -----------------------------------------------------------------------------------

    @property
    def binary(self) -> bool:
        """Tell whether there are two classes."""
        return self.dataset.task == "binary"

    def labels(self) -> npt.NDArray[Any]:
        """Return the model's own label for each class of the data set, by code."""
        classes = self.model.classes
        if classes is None:
            raise ModelError("the model has no classes_, so its labels are not known; give it classes_ to mitigate it.")
        names = list(own_names(label_texts(classes), self.dataset))
        if missing := [name for name in self.dataset.classes if name not in names]:
            raise ModelError(f"the model does not know the class {quote(missing[0])}; it knows {quote_all(names)}.")
        return np.asarray(classes)[[names.index(name) for name in self.dataset.classes]]

    def target(self, rows: Rows) -> npt.NDArray[Any]:
        """Return what the model is to answer, in its own labels."""
        y = self.dataset.y[rows]
        return y.astype(np.float64) if self.dataset.task == "regression" else self.labels()[y.astype(np.int64)]

    @property
    def favorable(self) -> int:
        """Return the code of the class that is good for the person; the positive one unless stated."""
        stated = self.dataset.favorable
        if stated in self.dataset.classes:
            return self.dataset.classes.index(stated)
        if self.dataset.task == "multiclass" and self.constraint.name != "error-rate":
            raise ConfigError(f"{self.constraint.name} needs to know which class is good: state [data] favorable.")
        return 1 if self.binary else -1

    # --- models -----------------------------------------------------------------------------------

    def inputs(self, rows: Rows) -> Any:  # noqa: ANN401 -- a frame, or bare numbers
        """Return what the model reads of `rows`."""
        return as_model_input(self.model, self.dataset.inputs(rows))

    def seal(self, estimator: object, **rule: object) -> Sealed:
        """Put a rule of decision around a fitted estimator."""
        inside = hold(estimator)
        bare = self.model.feature_names is None
        kind = MitigatedRegressor if self.dataset.task == "regression" else MitigatedClassifier
        rules = {name: self._by_level(value) if isinstance(value, Mapping) else value for name, value in rule.items()}
        bins = self.dataset.roles.bins
        edges = {column: list(bins[column]) for column in self.columns if column in bins}
        if len(self.columns) == 1:
            sealed = kind(inside, sensitive=self.columns[0], edges=edges.get(self.columns[0]), **rules)  # type: ignore[arg-type]
        else:
            sealed = kind(inside, sensitive=list(self.columns), edges=edges or None, **rules)  # type: ignore[arg-type]
        return sealed.seal(self.dataset.features, bare=bare)

    def _by_level(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        """Give each level of a joined group the group's rule."""
        return {level: value for name, value in rule.items() for level in self.joined.get(name, (name,))}

    def refit(
        self,
        rows: Rows,
        *,
        weight: FloatArray | None = None,
        seed: int = 0,
        y: npt.NDArray[Any] | None = None,
        penalty: object = None,
    ) -> Any:  # noqa: ANN401
        """Train the model anew on `rows`: with other answers than the true ones where `y` is given, with a penalty.

        Raises
        ------
        ModelError
            If it cannot be trained, or takes no weights though it is given some.
        """
        given = weight if weight is not None else None if self.dataset.weight is None else self.weight(rows)
        own = fresh(self.model, seed)
        return self.fit_estimator(own, self.inputs(rows), self.target(rows) if y is None else y, given, penalty)

    def fit_estimator(self, own: Any, X: object, y: object, weight: FloatArray | None, penalty: object = None) -> Any:  # noqa: ANN401
        """Fit an estimator on rows as it reads them.

        Raises
        ------
        ModelError
            If it takes no weights though it is given some, or raises.
        """
        try:
            arguments = {} if weight is None else fit_arguments(own, "sample_weight", weight)
        except ValueError as error:
            others = "resample or thresholds" if self.binary else "resample"
            raise ModelError(f"{error}, which this method needs. Use --method {others}.") from error
        if penalty is not None:
            try:
                arguments |= fit_arguments(own, "penalty", penalty)
            except ValueError as error:
                others = "reweigh, reduction or thresholds" if self.binary else "reweigh or resample"
                raise ModelError(
                    f"{error} in its loss; networks of trainers do (NetworkClassifier, NetworkRegressor). "
                    f"Use --method {others}."
                ) from error
        return self._train(own, X, y, arguments)

    def twin(self) -> object:
        """Return the estimator whose answers on validation rows count: one that was trained without them.

        Where they were carved out of the training rows, that is a copy trained on the rest; where there can be none,
        the model itself, and a note says so.
        """
        if "twin" not in self.kept:
            self.kept["twin"] = self._twin()
        return self.kept["twin"]

    def _twin(self) -> object:
        if not self.carved:
            return self.model.predictor
        try:
            return self.refit(self.rows("train"))
        except ModelError as error:
            self.notes.append(
                "the model may have learned from the validation rows, since it could not be trained without them "
                f"({error}): the "
                "gap on new rows may be wider than on these"
            )
            return self.model.predictor

    def _train(self, own: Any, X: object, y: object, arguments: Mapping[str, object]) -> Any:  # noqa: ANN401
        import warnings

        try:
            with guard_call("fit", fit=True), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return own.fit(X, y, **arguments)
        except AuditError:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:300]
            raise ModelError(f"the model's fit raised {type(error).__name__}: {said}") from error

    def predictions(self, sealed: Sealed | Model, rows: Rows) -> Predictions:
        """Ask a model for rows."""
        model = sealed if isinstance(sealed, Model) else wrap(sealed)
        own = model is self.model  # whose library may write the table's names otherwise
        names = list(self.dataset.features if own or model.feature_names is None else model.feature_names)
        X = self.dataset.frame.loc[:, names].take(rows).reset_index(drop=True)
        answers = ask(model, X, self.dataset, progress=self.progress, what="answering")
        return predictions_of(answers, self.dataset, rows, self.settings)

    # --- scores -----------------------------------------------------------------------------------

    def sign(self) -> float:
        """Return 1 where more of the last class's score is good for the person, else −1."""
        return 1.0 if self.labels()[self.favorable] == np.asarray(self.model.classes)[1] else -1.0

    def scores_of(self, estimator: object, rows: Rows) -> Scored:
        """Return rows as cuts are chosen on them: more of the score speaks for the favorable class.

        Raises
        ------
        ModelError
            If the model gives no scores.
        """
        if not (hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")):
            raise ModelError("the model gives no scores, so that no threshold can be moved. Use --method reweigh.")
        rule = self.seal(estimator, thresholds=0.5)
        assert isinstance(rule, MitigatedClassifier)  # noqa: S101 -- thresholds are of two classes
        names = list(rule.feature_names_in_)
        X = self.dataset.frame.loc[:, names].take(rows).reset_index(drop=True)
        with guard_call(f"scores of {len(rows)} rows"):
            score = self.sign() * rule.raw_scores(X)
        if not np.isfinite(score).all():
            raise ModelError("the model gives scores that are not finite numbers; no threshold can be chosen on them.")
        earned = self.dataset.y[rows] == self.favorable
        return Scored(score, np.asarray(earned), self.groups.codes[rows].astype(np.intp), self.weight(rows))

    def odds(self, score: FloatArray) -> FloatArray:
        """Return scores of the favorable class as log odds; margins as they are."""
        sign = self.sign()
        return score if not hasattr(self.twin(), "predict_proba") else sign * log_odds(sign * score)

    def old_threshold(self) -> float:
        """Return the score of the last class from which on the model answers it, as its own answers say."""
        rows, model = self.rows("validation"), self.twin()
        scored = self.scores_of(model, rows)
        score = self.sign() * scored.score
        last = self.predictions(self.seal(model), rows).y_pred == list(self.labels()).index(self.model.classes[-1])  # type: ignore[index]
        usual = 0.5 if hasattr(model, "predict_proba") else 0.0
        below, above = score[~last].max(initial=-np.inf), score[last].min(initial=np.inf)
        if below < usual <= above:
            return usual
        return cut_for_rate(score, scored.weight, float(np.average(last, weights=scored.weight)))

    def old_cut(self) -> float:
        """Return the score from which on the model gives the favorable answer."""
        threshold = self.old_threshold()
        return threshold if self.sign() > 0 else float(np.nextafter(-threshold, np.inf))


def fresh(model: Model, seed: int) -> Any:  # noqa: ANN401
    """Return an untrained copy of a model; another seed than 0 moves its own seeds.

    Raises
    ------
    ModelError
        If it cannot be trained anew.
    """
    if obstacle := model.obstacle_to_refit():
        raise ModelError(
            f"{obstacle}, and this method needs to refit the model. Give the estimator "
            "as scikit-learn knows it (.skops), or use --method thresholds, relaxed-thresholds or group-calibration."
        )
    own = clone(model.predictor)
    if seed:
        result = own.get_params(deep=True)
        seeds = {name: value for name, value in result.items() if name.rpartition("__")[2] == "random_state"}
        own.set_params(**{name: seed + (value if isinstance(value, int) else 0) for name, value in seeds.items()})
    return own


def known_groups(bench: Bench, rows: Rows) -> tuple[list[int], list[int]]:
    """Return the codes of groups with enough rows for a rule of their own, and of the others."""
    counts = np.bincount(bench.groups.codes[rows], minlength=len(bench.groups.levels))
    learned = np.bincount(bench.groups.codes[bench.everything], minlength=len(bench.groups.levels)) > 0
    large = [code for code, count in enumerate(counts) if count >= FEW]
    return large, [code for code in np.flatnonzero(learned | (counts > 0)).tolist() if code not in large]


def names_of(bench: Bench, codes: Sequence[int]) -> list[str]:
    """Return the names of groups."""
    return [bench.groups.levels[code] for code in codes]
