"""Networks as plain scikit-learn estimators: ``fit``, ``predict``, ``predict_proba``, nothing to learn anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from trainers import fitting, inputs, reading, settings, targets
from trainers import state as plain
from trainers.checkpoints import state_in
from trainers.documentation import describe_estimator
from trainers.errors import TrainerError, need, quote, quote_all
from trainers.parameters import Floats, Parameters
from trainers.penalty import GapPenalty, group_codes, require_task
from trainers.scorers import require_scorers
from trainers.threads import torch_threads


@dataclass(kw_only=True, eq=False, repr=False)
class _Network(Parameters):
    """Training and prediction that classifier and regressor share."""

    _losses: ClassVar[tuple[str, ...]] = ("auto",)

    def _see_columns(self, given: targets.Columns | None, *, reset: bool) -> None:
        """Learn how many columns the target has, and their names; or compare them."""
        if reset:
            self.n_outputs_ = 1 if given is None else given.values.shape[1]
            self.target_names_ = () if given is None else given.names
        targets.require_columns(given, self.n_outputs_)

    # --- fitting ----------------------------------------------------------------------------------

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        validation: tuple[Any, ...] | None = None,
        penalty: GapPenalty | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (rows, features), (rows, steps, channels), (rows, channels, height, width), or texts
        y : array-like of shape (rows,), or (rows, outputs)
            Several columns are predicted together: numbers by a regressor, labels (0 or 1) by a classifier.
        sample_weight : array-like of shape (rows,), optional
            Rows of weight 0 are left out.
        validation : tuple (X, y), (X, y, sample_weight) or (X, y, sample_weight, groups), optional
            Held-out rows of your own, where strata, clusters or time ask for it; else `validation_fraction` is drawn.
            Their groups count where a penalty compares groups.
        penalty : GapPenalty, optional
            Holds a gap among groups down beside the loss; the groups are read in training alone.

        Returns
        -------
        self

        Raises
        ------
        TrainerError
            If a parameter or the data do not fit; nothing was trained then.

        Notes
        -----
        Where it raises, be it in a callback, the estimator is as it was before the call. An interrupt from the keyboard
        does not raise: it ends the training, and the best weights so far are kept.
        """
        self._check_parameters()
        fresh = not (self.warm_start and hasattr(self, "network_"))
        with fitting.whole_or_nothing(self, fresh=fresh):
            return self._train(X, y, sample_weight, validation, fresh=fresh, epochs=int(self.epochs), penalty=penalty)

    def _partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> Self:
        self._check_parameters()
        fresh = not hasattr(self, "network_")
        with fitting.whole_or_nothing(self, fresh=fresh):
            return self._train(X, y, sample_weight, None, fresh=fresh, epochs=1, streamed=True)

    def _check_parameters(self) -> None:
        need("torch", extra="torch", purpose="a network")
        settings.check({field.name: getattr(self, field.name) for field in fields(self)})
        if self.loss not in self._losses:
            raise TrainerError(
                f"loss is {self.loss!r}, which is not one of {type(self).__name__}; expected one of "
                f"{quote_all(self._losses)}"
            )
        require_scorers(tuple(self.scoring))

    def _train(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        validation: tuple[Any, ...] | None,
        *,
        fresh: bool,
        epochs: int,
        streamed: bool = False,
        penalty: GapPenalty | None = None,
    ) -> Self:
        values = reading.rows(self, X, reset=fresh)
        target, codes = self._encode(y, reset=fresh)
        check_consistent_length(values, target)
        groups = None if penalty is None else self._groups(penalty, len(values))
        rows = fitting.Part(values, target, inputs.row_weights(sample_weight, len(values)), groups)
        rows, codes = fitting.weighted_only(rows, codes)
        rows = rows._replace(weights=fitting.product(rows.weights, self._weigh(codes)))
        if fresh:
            self.seed_ = self._first_seed()
        fraction = 0.0 if streamed or validation is not None else float(self.validation_fraction)
        rng = np.random.default_rng([self.seed_, 0])  # a warm start on the same rows holds the same ones out
        kept, held = inputs.held_out(len(rows.values), fraction, rng, codes)
        test = rows.take(held) if validation is None else self._own_validation(validation)
        fitting.run(
            self, rows.take(kept), test if len(test.values) else None,
            fresh=fresh, epochs=epochs, streamed=streamed, penalty=penalty,
        )  # fmt: skip
        return self

    def _groups(self, penalty: GapPenalty, rows: int) -> NDArray[np.int64] | None:
        """Return the groups that a penalty compares, where it counts at all."""
        codes = penalty.check(rows)
        if self.n_outputs_ > 1:
            raise TrainerError(f"penalty compares groups of one target, and y has {self.n_outputs_} columns; pass one")
        if (self.augment or {}).get("mixup"):
            raise TrainerError("augment mixes rows, and the penalty compares their groups; leave mixup out")
        require_task(penalty, regression=self._objective()[0] == "regression")
        self._code(penalty.favorable)
        return codes if penalty.strength > 0 else None

    def _first_seed(self) -> int:
        """Draw the seed of a fit; one that goes on from a checkpoint without a `random_state` takes its seed over."""
        begun = state_in(self.checkpoint) if self.checkpoint is not None and self.random_state is None else None
        return fitting.seed(self.random_state) if begun is None else int(begun["seed"])

    def _own_validation(self, validation: tuple[Any, ...]) -> fitting.Part:
        if not isinstance(validation, tuple) or len(validation) not in {2, 3, 4}:
            raise TrainerError(
                "validation is not a tuple (X, y), with sample_weight and groups as its third and fourth"
            )
        values = reading.rows(self, validation[0], reset=False)
        target, codes = self._encode(validation[1], reset=False)
        check_consistent_length(values, target)
        weights = inputs.row_weights(validation[2] if len(validation) > 2 else None, len(values))
        groups = group_codes(validation[3], len(values)) if len(validation) == 4 else None
        return fitting.Part(values, target, fitting.product(weights, self._weigh(codes)), groups)

    # --- predicting -------------------------------------------------------------------------------

    def _outputs(self, X: ArrayLike) -> Floats:
        """Raw outputs of the network, shape (rows, outputs)."""
        check_is_fitted(self, "network_")
        with torch_threads(self.threads):
            return fitting.outputs(self, reading.rows(self, X, reset=False))

    @property
    def training_(self) -> dict[str, str]:
        """Say in words how the network was trained, searched for and on which rows, for records and cards."""
        if not hasattr(self, "network_"):
            return {}
        return describe_estimator(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    # --- saving -----------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Plain values and numpy arrays: skops and pickle see no class but this one."""
        state = dict(super().__getstate__())
        return plain.freeze_state(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(plain.thaw_state(state))


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """A neural network that predicts classes: sigmoid or softmax with cross-entropy.

    All parameters are keywords; :class:`trainers.parameters.Parameters` explains each.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,); of labels their numbers from 0
    n_outputs_ : int, labels of a target of several columns, else 1
    target_names_ : tuple of str, names of those columns, if they had any
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (features,), if `X` had names
    history_ : tuple of HistoryRow (epoch, split, quantity, value), see :mod:`trainers.history`
    n_iter_ : int, epochs trained
    best_epoch_ : int, the epoch whose weights are kept
    stopped_ : ``epochs``, ``patience``, ``callback``, ``interrupted`` or ``not_finite``
    training_ : dict of str to str, what a record of an audit says of the training
    validation_rows_ : int
    network_ : torch.nn.Module of standardized inputs to logits

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[-2.0], [-1.0], [1.0], [2.0]] * 10)
    >>> y = ["no", "no", "yes", "yes"] * 10
    >>> model = NetworkClassifier(hidden=(8,), learning_rate=0.05, random_state=0).fit(X, y)
    >>> model.predict([[-1.5], [1.5]])
    array(['no', 'yes'], dtype='<U3')
    """

    _losses: ClassVar[tuple[str, ...]] = ("auto", "focal")
    class_weight: str | Mapping[Any, float] | None = None
    """``balanced``, or a mapping of class to weight."""

    def _encode(self, y: object, *, reset: bool) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
        given = targets.columns(y)
        self._see_columns(given, reset=reset)
        if given is not None:
            return self._encode_labels(given, reset=reset), None
        column = inputs.target(y)
        check_classification_targets(column)
        if reset and not hasattr(self, "_announced"):
            self.classes_ = np.unique(column)
        codes = np.searchsorted(self.classes_, column).clip(0, len(self.classes_) - 1)
        strange = np.unique(column[self.classes_[codes] != column])
        if len(strange):
            raise TrainerError(
                f"y holds {quote_all(strange.tolist())}; the classes are {quote_all(self.classes_.tolist())}"
            )
        if len(self.classes_) < 2:
            raise TrainerError(
                f"y holds one class only, {quote_all(self.classes_.tolist())}; expected at least two classes"
            )
        return codes.astype(np.int64), codes.astype(np.int64)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _encode_labels(self, given: targets.Columns, *, reset: bool) -> NDArray[np.float64]:
        if self.class_weight is not None:
            raise TrainerError(
                "class_weight weighs the classes of one column, and y has several; leave it None, and use "
                "sample_weight or loss='focal'"
            )
        if reset:
            self.classes_ = np.arange(self.n_outputs_)  # as MLPClassifier has it
        return targets.labels(given)

    def _weigh(self, codes: NDArray[np.int64] | None) -> Floats | None:
        return None if codes is None else inputs.class_weights(self.class_weight, self.classes_, codes)

    def _code(self, favorable: object) -> int:
        if favorable is None:
            return len(self.classes_) - 1
        known = self.classes_.tolist()
        if favorable not in known:
            raise TrainerError(f"favorable is {quote(favorable)}; the classes are {quote_all(known)}")
        return int(known.index(favorable))

    def _objective(self) -> tuple[str, int]:
        if self.n_outputs_ > 1:
            return "multilabel", self.n_outputs_
        return ("binary", 1) if len(self.classes_) == 2 else ("multiclass", len(self.classes_))

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go once over the rows, from where training stands.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`
        classes : array-like
            All classes; needed in the first call, except for labels (several columns of 0 and 1). Standardization and
            vocabulary are those of the first call's rows.

        Returns
        -------
        self
        """
        if not hasattr(self, "network_") and targets.columns(y) is None:
            if classes is None:
                raise TrainerError("classes must be passed on the first call to partial_fit")
            self.classes_ = np.unique(np.asarray(classes))
            self._announced = True
        try:
            return self._partial_fit(X, y, sample_weight)
        finally:
            self.__dict__.pop("_announced", None)

    def decision_function(self, X: ArrayLike) -> Floats:
        """Logits: shape (rows,) for two classes, above 0 for the second one; else (rows, classes or labels)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._objective()[0] == "binary" else outputs

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Probabilities, shape (rows, classes) in the order of `classes_`; of labels (rows, labels), each by itself."""
        outputs = self._outputs(X)
        task = self._objective()[0]
        if task == "multilabel":
            return np.asarray(expit(outputs))
        if task == "binary":
            outputs = np.hstack([np.zeros_like(outputs), outputs])
        raised = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        shares: Floats = raised / raised.sum(axis=1, keepdims=True)
        return shares

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Most probable class of each row; of labels 1 for each that is likelier than not."""
        outputs = self._outputs(X)
        task = self._objective()[0]
        if task == "multilabel":
            return (outputs > 0).astype(int)
        codes = (outputs[:, 0] > 0).astype(int) if task == "binary" else outputs.argmax(axis=1)
        labels: NDArray[Any] = self.classes_[codes]
        return labels


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    """A neural network that predicts a number, or several together: linear output with mean squared error.

    The target is standardized inside. :class:`trainers.parameters.Parameters` explains the parameters;
    attributes are those of :class:`NetworkClassifier`, without classes.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> model = NetworkRegressor(learning_rate=0.01, random_state=0).fit(X, 3 * X[:, 0] + 100)
    >>> bool(model.score(X, 3 * X[:, 0] + 100) > 0.99)
    True
    """

    _losses: ClassVar[tuple[str, ...]] = ("auto", "absolute", "huber", "quantile")

    def _encode(self, y: object, *, reset: bool) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
        given = targets.columns(y)
        self._see_columns(given, reset=reset)
        if given is not None:
            return targets.numbers(given), None
        column = inputs.target(y)
        try:
            numbers = column.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TrainerError(f"y holds {column.dtype} values; expected numbers") from error
        if not np.isfinite(numbers).all():
            raise TrainerError("Input y contains NaN or infinity; expected a finite target in every row")
        return numbers, None

    def _see_target(self, target: NDArray[Any], weights: Floats | None) -> None:
        center, scale = inputs.moments(target.reshape(len(target), -1), weights)
        several = self.n_outputs_ > 1
        self.target_center_: float | Floats = center if several else float(center[0])
        self.target_scale_: float | Floats = scale if several else float(scale[0])

    def _objective(self) -> tuple[str, int]:
        return "regression", self.n_outputs_

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Go once over the rows, from where training stands; standardization is that of the first call's rows."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: ArrayLike) -> Floats:
        """Predicted number of each row; shape (rows, outputs) for several."""
        outputs = self._outputs(X)
        return (outputs if self.n_outputs_ > 1 else outputs[:, 0]) * self.target_scale_ + self.target_center_
