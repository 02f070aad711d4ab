"""What is explained: which rows, against which background, and which output of the model on which scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_texts
from audit.data.dataset import Dataset
from audit.data.factor import Factor
from audit.errors import ModelError, NotApplicable
from audit.evidence import FloatArray, Predictions
from audit.evidence.requirements import require_evidence
from audit.explain.counterfactual import Decide
from audit.explain.encoding import Encoding, Score
from audit.explain.permutation import BATCH as PERMUTED
from audit.gather._column_wise import Lookup, lookup
from audit.models.answers import BATCH, as_model_input, call, columns_of, labels_of, own_names
from audit.models.load import Model

if TYPE_CHECKING:
    from audit.gather import Context

Scale = Literal["log-odds", "probability", "target", "margin"]
Positions = npt.NDArray[np.intp]
CLIP = 1e-6
REFERENCE_ROWS = 2000
MOST_COLUMNS = 200
SATURATED_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Output:
    """One number a row and class of a model, on the scale that is explained."""

    model: Model
    dataset: Dataset
    classes: tuple[str, ...]
    """Classes by column of the raw scores; empty in regression."""
    method: str
    """Method of the model that is called."""
    scale: Scale
    own: tuple[str, ...] | None = field(init=False)
    """The model's classes in the words of the data set, in its own order."""

    def __post_init__(self) -> None:
        """Work the names out once: they are asked for with every batch."""
        known = self.model.classes
        own = None if known is None else tuple(own_names(label_texts(known), self.dataset))
        object.__setattr__(self, "own", own)

    def raw(self, X: pd.DataFrame) -> FloatArray:
        """Ask the model, in batches; shape (n,) or (n, classes).

        Raises
        ------
        ModelError
            If it raises or answers anything but finite numbers.
        """
        asked = getattr(self.model.predictor, self.method)
        parts = [X.iloc[start : start + BATCH] for start in range(0, len(X), BATCH)]
        return self._columns(
            np.concatenate([call(asked, as_model_input(self.model, p), len(p), self.method) for p in parts])
        )

    def looked_up(self, lookup: Lookup, numbers: FloatArray, code: int) -> FloatArray | None:
        """Return the explained number of encoded rows of known values, ``None`` where one is not known."""
        parts = [lookup.ask(self.method, numbers[start : start + BATCH]) for start in range(0, len(numbers), BATCH)]
        known = [part for part in parts if part is not None]
        return self._scale(self._columns(np.concatenate(known)), code) if known and len(known) == len(parts) else None

    def _columns(self, answers: npt.NDArray[np.generic]) -> FloatArray:
        """Put the model's answers into the columns of the classes."""
        if self.method == "predict" and self.classes:
            texts, _ = labels_of(answers, self.model.classes, self.dataset)
            codes = pd.Index(self.classes).get_indexer(pd.Index(list(texts)))
            return np.asarray(codes[:, None] == np.arange(len(self.classes)), dtype=np.float64)
        numbers = answers.astype(np.float64)
        if not np.isfinite(numbers).all():
            odd = int((~np.isfinite(numbers)).reshape(len(numbers), -1).any(axis=1).sum())
            raise ModelError(
                f"the model's {self.method} answered {odd} of {len(answers)} perturbed rows with no finite number."
            )
        if not self.classes:
            return numbers
        flag = self.method == "predict_proba"
        return columns_of(numbers, self.own, self.classes, self.dataset, from_probabilities=flag)

    def decide(self, X: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Return the code of the class that the model predicts; zeros in regression."""
        if not self.classes:
            return np.zeros(len(X), dtype=np.int64)
        parts = [X.iloc[start : start + BATCH] for start in range(0, len(X), BATCH)]
        asked = self.model.predictor.predict
        return self._code(
            np.concatenate([call(asked, as_model_input(self.model, p), len(p), "predict") for p in parts])
        )

    def _code(self, label: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
        texts, _ = labels_of(label, self.model.classes, self.dataset)
        codes = pd.Index(self.classes).get_indexer(pd.Index(list(texts)))
        return np.where(codes < 0, 0, codes).astype(np.int64)

    def decide_encoded(self, lookup: Lookup, numbers: FloatArray) -> npt.NDArray[np.int64] | None:
        """Return what :meth:`decide` does, for encoded rows; ``None`` where a value is not known."""
        label = lookup.ask("predict", numbers)
        return None if label is None else self._code(label)

    def __call__(self, X: pd.DataFrame, code: int) -> FloatArray:
        """Return the explained number of class `code` (ignored unless multiclass)."""
        return self._scale(self.raw(X), code)

    def _scale(self, raw: FloatArray, code: int) -> FloatArray:
        if raw.ndim == 2:
            raw = raw[:, min(code, raw.shape[1] - 1)]
        if self.scale == "log-odds" and self.method == "predict_proba":
            clipped = np.clip(raw, CLIP, 1 - CLIP)
            return np.asarray(np.log(clipped / (1 - clipped)))
        return raw


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explained:
    """Rows, background and output, with the table written as numbers."""

    output: Output
    encoding: Encoding
    rows: Positions
    """Rows of the data set that are explained, in the order in which they were drawn."""
    X: FloatArray
    """Those rows, encoded, shape (n, features)."""
    reference: FloatArray
    """Training rows, encoded, shape (m, features)."""
    background: FloatArray
    """The first of the reference rows."""
    codes: npt.NDArray[np.int64]
    """Class explained of each row, shape (n,): the one predicted; 0 unless multiclass."""
    predicted: npt.NDArray[np.int64]
    """Code of the predicted class of each row; zeros in regression."""
    notes: tuple[str, ...]
    lookup: Lookup | None = None
    """A quicker way to ask the model about rows that mix the values of the rows and the background."""

    @property
    def batch(self) -> int:
        """Rows to a call: as many as a cache holds for a network, more where each call is dear."""
        return PERMUTED if hasattr(self.output.model.predictor, "network_") else 2 * PERMUTED

    def score(self, code: int) -> Score:
        """Return the explained output of class `code` as a function of encoded rows."""

        def scored(numbers: FloatArray) -> FloatArray:
            try:
                values = None if self.lookup is None else self.output.looked_up(self.lookup, numbers, code)
                return values if values is not None else self.output(self.encoding.decode(numbers), code)
            except ModelError as error:
                raise ModelError(
                    f"the model failed on rows with values from other rows, which explanations ask about: {error}"
                ) from error

        return scored

    def with_places(self) -> Explained:
        """Return the rows and the background for what only mixes their values: each is looked up once, not in each mix.

        Its other rows, and the encoding, are of no use then.
        """
        rows = np.concatenate([self.X, self.background])
        places = None if self.lookup is None else self.lookup.places_of(rows)
        if self.lookup is None or places is None:
            return self
        numbers = places.astype(np.float64)
        X, background = numbers[: len(self.X)], numbers[len(self.X) :]
        return replace(self, X=X, background=background, lookup=replace(self.lookup, placed=True))

    def decider(self) -> Decide:
        """Return what the model decides as a function of encoded rows that mix the rows explained and the reference."""
        known = np.concatenate([self.X, self.reference])
        answers = lookup(self.output.model, self.encoding, known, "predict") if self.output.classes else None

        def decided(numbers: FloatArray) -> npt.NDArray[np.int64]:
            quick = None if answers is None else self.output.decide_encoded(answers, numbers)
            return quick if quick is not None else self.output.decide(self.encoding.decode(numbers))

        return decided

    def groups(self, rows: slice | None = None) -> Iterator[tuple[int, Positions]]:
        """Yield each class explained with the positions of its rows among `rows`."""
        codes = self.codes[rows] if rows is not None else self.codes
        for code in np.unique(codes):
            yield int(code), np.flatnonzero(codes == code)

    def values(self, kept: int) -> FloatArray:
        """Return the output of the first `kept` rows."""
        array = np.empty(kept)
        for code, here in self.groups(slice(kept)):
            array[here] = self.score(code)(self.X[here])
        return array

    def keys(self, kept: int) -> dict[str, Factor]:
        """Return the groups of the first `kept` rows."""
        dataset = self.output.dataset
        rows = self.rows[:kept]
        keys = {"split": dataset.split.take(rows)}
        if self.output.classes:
            keys["class"] = Factor(codes=self.predicted[:kept].astype(np.int32), levels=self.output.classes)
        return {**keys, **{name: factor.take(rows) for name, factor in dataset.sensitive.items()}}


def draw_explained(
    context: Context, *, rows: int, background: int, reseed: str = "", chosen: Positions | None = None
) -> Explained:
    """Draw rows of the test split and a background of training rows, and choose the explained output.

    Parameters
    ----------
    context : Context
    rows, background : int
        How many at most.
    reseed : str
        Another word draws another background.
    chosen : ndarray of int, optional
        Explain these rows of the data set rather than drawn ones.

    Raises
    ------
    NotApplicable
        If there is no model, or it reads no columns.
    """
    model, dataset = context.require_model(), context.dataset
    require_evidence("features", dataset=dataset)
    if [*dataset.kinds().values()] == ["text"]:
        raise NotApplicable("for tables only; the model reads texts, whose words are explained instead")
    notes: tuple[str, ...] = ()
    if chosen is None:
        chosen, notes = draw_rows(dataset, rows, context.generator("explained rows"))
    source = "train" if dataset.has("train") else "test"
    pool = dataset.rows(source)
    behind = context.generator("explained background" + reseed).permutation(pool)[:REFERENCE_ROWS]
    frame = dataset.inputs(np.concatenate([chosen, behind]))
    encoding = Encoding.of(frame)
    numbers = encoding.encode(frame)
    output, more = choose_output(model, dataset, frame)
    predicted = output.decide(frame.iloc[: len(chosen)])
    used = max(1, min(background, len(behind)))
    mixed = numbers[: len(chosen) + used]
    return Explained(
        output=output,
        encoding=encoding,
        rows=chosen,
        X=numbers[: len(chosen)],
        reference=numbers[len(chosen) :],
        background=numbers[len(chosen) : len(chosen) + used],
        codes=predicted if dataset.task == "multiclass" else np.zeros(len(chosen), dtype=np.int64),
        predicted=predicted,
        notes=(*notes, f"background: {used} {source} rows", *more),
        lookup=lookup(model, encoding, mixed, output.method) if used > 1 else None,
    )


def draw_rows(dataset: Dataset, rows: int, generator: np.random.Generator) -> tuple[Positions, tuple[str, ...]]:
    """Draw test rows: by weight where rows are weighted, from distinct clusters where clusters are declared."""
    test = dataset.rows("test")
    if dataset.weight is not None:
        weight = dataset.weight[test] / dataset.weight[test].sum()
        size = min(rows, len(test))
        chosen = generator.choice(test, size=size, p=weight)
        return chosen, (f"{size} test rows drawn with replacement by weight, of {len(test)}",)
    order = generator.permutation(test)
    if dataset.cluster is not None:
        _, first = np.unique(dataset.cluster.codes[order], return_index=True)
        alone = order[np.sort(first)][:rows]
        return alone, (f"{len(alone)} test rows drawn at random, each of another cluster, of {len(test)}",)
    if rows < len(test):
        return order[:rows], (f"{rows} test rows drawn at random, of {len(test)}",)
    return order, ()


def choose_output(model: Model, dataset: Dataset, sample: pd.DataFrame) -> tuple[Output, tuple[str, ...]]:
    """Choose what is explained: log-odds where there are probabilities, else margins, else decisions."""
    if dataset.task == "regression":
        return Output(model=model, dataset=dataset, classes=(), method="predict", scale="target"), ()
    classes = _classes(model, dataset)
    probability = callable(getattr(model.predictor, "predict_proba", None))
    margin = callable(getattr(model.predictor, "decision_function", None))
    if not probability and not margin:
        output = Output(model=model, dataset=dataset, classes=classes, method="predict", scale="probability")
        return output, ("the model gives only labels: its decision (0 or 1) is explained",)
    if not probability:
        output = Output(model=model, dataset=dataset, classes=classes, method="decision_function", scale="margin")
        return output, ("the model gives no probabilities: its margin is explained", *_of_predicted(dataset))
    output = Output(model=model, dataset=dataset, classes=classes, method="predict_proba", scale="log-odds")
    values = output.raw(sample)
    if margin and dataset.task == "binary":
        direct = Output(model=model, dataset=dataset, classes=classes, method="decision_function", scale="log-odds")
        if _is_logit(direct, values, sample):
            return direct, ()
    explained = values.max(axis=1) if dataset.task == "multiclass" else values
    saturated = float(((explained < CLIP) | (explained > 1 - CLIP)).mean())
    if saturated > SATURATED_SHARE:
        output = Output(model=model, dataset=dataset, classes=classes, method="predict_proba", scale="probability")
        note = (
            f"{saturated:.0%} of the probabilities are 0 or 1, whose log-odds are infinite: probabilities are explained"
        )
        return output, (note, *_of_predicted(dataset))
    return output, _of_predicted(dataset)


def _of_predicted(dataset: Dataset) -> tuple[str, ...]:
    return ("each row's output is that of its predicted class",) if dataset.task == "multiclass" else ()


def _is_logit(direct: Output, probability: FloatArray, sample: pd.DataFrame) -> bool:
    """Tell whether the model's margins are the log-odds of its probabilities, which do not saturate."""
    from scipy.special import expit

    try:
        margin = direct.raw(sample)
    except ModelError:
        return False
    return margin.shape == probability.shape and bool(np.abs(expit(margin) - probability).max() < 1e-7)


def _classes(model: Model, dataset: Dataset) -> tuple[str, ...]:
    known = model.classes
    if known is None or dataset.task == "binary":
        return dataset.classes
    own = [str(text) for text in own_names(label_texts(known), dataset)]
    return (*dataset.classes, *(text for text in own if text not in dataset.classes))


def value_words(predictions: Predictions, value: np.generic) -> str:
    """Write a prediction or a true value for people."""
    if predictions.task == "regression":
        return f"{float(value):.5g}"
    return str(predictions.classes[int(value)])


def require_table(context: Context) -> None:
    """Refuse to look at the columns of pictures and sequences one by one where there are very many.

    Raises
    ------
    NotApplicable
        For more than 200 pixels or steps, or a single column of texts.
    """
    from audit.gather.corrupted import form_of

    if len(context.dataset.features) > MOST_COLUMNS:
        try:
            form = form_of(context)
        except NotApplicable:
            return
        raise NotApplicable(f"{len(context.dataset.features)} columns of one {form.modality} say nothing one by one")
    require_narrow(context.dataset)


def require_narrow(dataset: Dataset) -> None:
    """Refuse to look at columns one by one where there are very many, as the pixels of an image.

    Raises
    ------
    NotApplicable
        For more than 200 columns, or a single column of texts.
    """
    if len(dataset.features) > MOST_COLUMNS:
        raise NotApplicable(
            f"{len(dataset.features)} columns are too many to examine one by one; at most {MOST_COLUMNS} are examined"
        )
    if [*dataset.kinds().values()] == ["text"]:
        raise NotApplicable("for tables only; the model reads texts, whose words are explained instead")
