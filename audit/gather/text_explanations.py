"""What the words of a text add to the model's output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from audit.data.dataset import Dataset
from audit.errors import NotApplicable
from audit.evidence import Predictions
from audit.explain.encoding import FloatArray
from audit.explain.parts import explain_parts
from audit.explain.words import Pieces, TextCase, TextExplanations
from audit.gather._explained import Output, choose_output, draw_rows, value_words
from audit.gather.local_cases import pick

if TYPE_CHECKING:
    from audit.gather import Context


def gather(
    context: Context,
    *,
    cases: int = 6,
    texts: int = 40,
    most_words: int = 60,
    pairs: int = 20,
    samples: int = 1000,
    evaluations: int = 600_000,
) -> TextExplanations:
    """Take words away from texts of the test split and ask the model again.

    Parameters
    ----------
    context : Context
    cases : int
        Texts shown one by one.
    texts : int
        Further texts, drawn at random, whose words are counted together.
    most_words : int
        Longer texts are cut into so many runs of words.
    pairs, samples : int
        Effort for each text: ``2 · pairs · (words − 1)`` evaluations (SHAP), samples (LIME).
    evaluations : int
        Texts that the model may be asked for, fewer where it is large; texts beyond are left out.

    Raises
    ------
    NotApplicable
        If the model reads no text.
    """
    model, dataset = context.require_model(), context.dataset
    column = text_column(dataset)
    predictions = context.need("predictions", Predictions)
    picked = pick(predictions.select(split="test"), cases)
    drawn, notes = draw_rows(dataset, texts, context.generator("explained rows"))
    rows = np.array([*(row for row, _ in picked), *drawn], dtype=np.intp)
    output, more = choose_output(model, dataset, dataset.inputs(rows))
    place = {int(row): number for number, row in enumerate(predictions.row)}
    left, text_cases = context.affordable(evaluations), []
    for number, row in enumerate(rows):
        pieces = Pieces.of(str(dataset.frame[column].iloc[int(row)]), most=most_words)
        left -= 2 * pairs * max(len(pieces.words) - 1, 1) + samples
        if number and (left < 0 or context.late()):
            break
        context.progress("taking words away", number, len(rows))
        why = picked[number][1] if number < len(picked) else ""
        at = place[int(row)]
        code = int(predictions.y_pred[at]) if dataset.task == "multiclass" else 0
        entry = (
            why,
            value_words(predictions, predictions.y_pred[at]),
            value_words(predictions, predictions.y_true[at]),
        )
        text_cases.append(_explained(context, output, int(row), code, column, pieces, entry, (pairs, samples)))
    context.progress("taking words away", len(rows), len(rows))
    short = (
        ()
        if len(text_cases) == len(rows)
        else (f"{len(text_cases)} of {len(rows)} texts, within {evaluations:,} evaluations",)
    )
    return TextExplanations(
        cases=tuple(text_cases[: len(picked)]),
        sample=tuple(text_cases[len(picked) :]),
        scale=output.scale,
        column=column,
        notes=(*notes, *more, *short, "a word is removed by leaving it out; base: the empty text"),
    )


def text_column(dataset: Dataset) -> str:
    """Name the text that the model reads.

    Raises
    ------
    NotApplicable
        If it reads none.
    """
    for name, kind in dataset.kinds().items():
        if kind == "text":
            return name
    raise NotApplicable("for models that read texts; this one reads no text column")


def _explained(
    context: Context,
    output: Output,
    row: int,
    code: int,
    column: str,
    pieces: Pieces,
    entry: tuple[str, str, str],
    effort: tuple[int, int],
) -> TextCase:
    rest = output.dataset.inputs(np.array([row]))

    def score(present: FloatArray) -> FloatArray:
        texts = pd.Series([pieces.without(value) for value in present], dtype=rest[column].dtype)
        table = rest.take(np.zeros(len(present), dtype=np.intp)).reset_index(drop=True)
        return output(table.assign(**{column: texts}), code)

    generator = context.generator(f"words {row}")
    parts_explained = explain_parts(score, len(pieces.words), generator=generator, pairs=effort[0], samples=effort[1])
    why, predicted, actual = entry
    return TextCase(
        why=why,
        row=row,
        predicted=predicted,
        actual=actual,
        words=pieces.words,
        shap=parts_explained.shap,
        lime=parts_explained.lime,
        fit=parts_explained.fit,
        base=parts_explained.base,
        output=parts_explained.output,
    )
