"""Images, texts and sequences as cameras, keyboards and sensors may deliver them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from audit.corruptions import IMAGES, SEQUENCES, SEVERITIES, TEXTS, scribble_texts
from audit.data.columns import column_kind
from audit.errors import ConfigError, NotApplicable, hint, quote
from audit.evidence import NONE, FloatArray, Perturbed
from audit.gather._perturbed import EVALUATIONS, Positions, Variant, ask_variants, sample

if TYPE_CHECKING:
    from audit.gather import Context
    from audit.models.load import Model
    from reports.record import Json

MODALITIES = ("auto", "tabular", "image", "text", "sequence")


class Form(NamedTuple):
    """What a row is, and in which shape its columns are to be read."""

    modality: str
    shape: tuple[int, ...] = ()


def gather(
    context: Context,
    *,
    modality: str = "auto",
    shape: Sequence[int] = (),
    rows: int = 2000,
    evaluations: int = EVALUATIONS,
) -> Perturbed:
    """Corrupt test rows in every way that fits them, at three severities.

    Parameters
    ----------
    context : Context
    modality : {"auto", "tabular", "image", "text", "sequence"}
        ``auto`` asks the model for the shape of its rows, and takes a single column of text for texts.
    shape : sequence of int
        Of a row: (channels, height, width) or (steps, channels); needed where the model does not know it.
    rows : int
        Test rows at most.
    evaluations : int
        Rows that the model may be asked for; fewer where it is large.

    Raises
    ------
    NotApplicable
        If rows are a table, or it is not known what they are.
    ConfigError
        If modality or shape do not fit.
    """
    form = form_of(context, modality, tuple(int(size) for size in shape))
    base, notes = sample(context, rows, "corrupted")
    X = context.dataset.inputs(base)
    pictures: dict[str, FloatArray] = {}
    variants = _texts(context, X, base) if form.modality == "text" else _arrays(context, X, base, form, pictures)
    notes = (*notes, f"rows read as {form.modality}" + (f" of shape {form.shape}" if form.shape else ""))
    perturbed = ask_variants(
        context, base, variants, what="corrupting", evaluations=evaluations, notes=notes, scores=False
    )
    return replace(perturbed, pictures=pictures)


def reads_images(model: Model, options: Mapping[str, Mapping[str, Json]]) -> bool:
    """Tell whether rows are images: as stated, else as the model itself knows them."""
    stated = options.get("corrupted", {}).get("modality", "auto")
    if stated != "auto":
        return stated == "image"
    return model.last is model.predictor and len(getattr(model.last, "input_shape_", None) or ()) == 3


def form_of(context: Context, modality: str = "auto", shape: tuple[int, ...] = ()) -> Form:
    """Tell what rows are: as stated, as the model knows, or as a single column of text shows."""
    if modality not in MODALITIES:
        raise ConfigError(
            f"[gather] modality is {quote(modality)}; it can be {MODALITIES}." + hint(modality, MODALITIES)
        )
    last, dataset = context.require_model().last, context.dataset
    known = tuple(getattr(last, "input_shape_", ()) or ()) if last is context.require_model().predictor else ()
    shape = shape or known
    if modality == "auto":
        single = len(dataset.features) == 1 and column_kind(dataset.frame[dataset.features[0]]) == "text"
        reads_text = getattr(last, "tokens", None) in {"word", "character"}
        modality = "text" if single or reads_text else {3: "image", 2: "sequence"}.get(len(shape), "tabular")
    if modality == "tabular":
        raise NotApplicable(
            "applies to images, texts and sequences only; state [data] modality and shape if the rows are one of these"
        )
    if modality == "text":
        return Form("text")
    wanted = 3 if modality == "image" else 2
    if len(shape) != wanted or int(np.prod(shape)) != len(dataset.features):
        raise ConfigError(
            f"[gather.corrupted] shape is {list(shape)} for {len(dataset.features)} columns; expected "
            + ("channels, height and width." if wanted == 3 else "steps and channels.")
        )
    return Form(modality, shape)


def _texts(context: Context, X: pd.DataFrame, base: Positions) -> Iterator[Variant]:
    columns = [name for name in X.columns if column_kind(X[name]) in {"text", "categorical"}]
    for kind in TEXTS:
        for severity, text in enumerate(SEVERITIES):
            yield Variant(f"{text} {kind}", partial(_scribble, context, X, columns, kind, severity), base)


def _scribble(context: Context, X: pd.DataFrame, columns: list[str], kind: str, severity: int) -> pd.DataFrame:
    generator = context.generator(f"corrupted {kind} {severity}")
    table = {}
    for name in columns:
        texts = ["" if missing else str(text) for text, missing in zip(X[name], X[name].isna(), strict=True)]
        table[name] = pd.Series(scribble_texts(texts, kind, severity, generator), dtype=X[name].dtype).where(
            X[name].notna()
        )
    return X.assign(**table)


def _arrays(
    context: Context, X: pd.DataFrame, base: Positions, form: Form, pictures: dict[str, FloatArray]
) -> Iterator[Variant]:
    kinds = IMAGES if form.modality == "image" else SEQUENCES
    values = X.to_numpy(dtype=np.float64, na_value=np.nan).reshape(len(X), *form.shape)
    if form.modality == "image":
        pictures[NONE] = values[0]

    def changed(name: str, kind: str, severity: int) -> pd.DataFrame:
        array = kinds[kind](values, severity, context.generator(f"corrupted {kind} {severity}"))
        if form.modality == "image":
            pictures[name] = array[0].copy()
        return pd.DataFrame(array.reshape(len(X), -1), columns=X.columns)

    for kind in kinds:
        for severity, text in enumerate(SEVERITIES):
            yield Variant(f"{text} {kind}", partial(changed, f"{text} {kind}", kind, severity), base)
