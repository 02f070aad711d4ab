"""Which words drive the model's answers."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import absent, with_interval
from audit.evidence import Predictions
from audit.explain.importance import rank_correlation
from audit.explain.words import TextCase, TextExplanations
from audit.statistics.variance import mean
from reports.record import Bar, Bars, Estimate, Exhibit, Measurement, Table


@check(
    title="Words that drive the answers",
    family="explanations",
    references=(
        "Ribeiro, Singh and Guestrin 2016, Why Should I Trust You? Explaining the Predictions of Any Classifier",
        "Lundberg and Lee 2017, A Unified Approach to Interpreting Model Predictions",
    ),
)
def text_explanations(
    text_explanations: TextExplanations, predictions: Predictions, *, top: int = 12, values: bool = True
) -> Measurement:
    """Show what the words of texts add to the model's output.

    Reading. A word's attribution is what it adds to the output, averaged over orders in which words are put
    into the text one by one (SHAP); LIME's local weight is shown beside it. The mean over a sample of texts
    shows which words matter to the model; at least two texts must hold a word.

    Limits. Texts with words left out are not natural texts. A word may represent others that occur with
    it. Single texts are shown unless the option `values` is false; attributions are not reasons.
    """
    given, level = text_explanations, predictions.settings.level
    everything = (*given.cases, *given.sample)
    if not everything:
        raise NotApplicable("no text was explained")
    agreement = _agreement(everything, level)
    words = _words(given.sample)
    exhibits: list[Exhibit] = [_bars(words, given.scale, top)] if words else []
    exhibits += [_table(case, top, given.scale) for case in given.cases if values]
    strongest = ", ".join(f"“{word}”" for word, _, _ in words[:5])
    said = f"In {len(given.sample)} test texts the strongest recurring words are {strongest}." if words else ""
    return Measurement(
        summary=said or f"{len(everything)} test texts were explained; no word recurs in the sample.",
        estimates=(agreement,),
        exhibits=tuple(exhibits),
        notes=(f"scale {given.scale}", *given.notes),
    )


def _agreement(cases: tuple[TextCase, ...], level: float) -> Estimate:
    """Return the mean over texts of the rank correlation of SHAP and LIME weights of the words."""
    long = [case for case in cases if len(case.words) >= 3]
    by_text = np.array([float(rank_correlation(np.abs(case.shap), np.abs(case.lime))) for case in long])
    by_text = by_text[np.isfinite(by_text)]
    where = {"split": "test", "feature": "words"}
    if not len(by_text):
        reason = "no text has three words with weights"
        return absent("word_rank_correlation", where, reason, unit="")
    span, value = mean(by_text, level=level), float(by_text.mean())
    return with_interval(
        "word_rank_correlation",
        value,
        span,
        where,
        method="t over texts",
        n=len(by_text),
        unit="score",
        level=level,
        bounds=(-1.0, 1.0),
    )


def _words(cases: tuple[TextCase, ...]) -> list[tuple[str, float, int]]:
    """Return words that two texts hold at least, with their mean attribution and number of texts."""
    seen: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        by_word: dict[str, float] = defaultdict(float)
        for word, value in zip(case.words, case.shap, strict=True):
            by_word[word.lower()] += float(value)
        for word, value in by_word.items():
            seen[word].append(value)
    entries = [(word, float(np.mean(values)), len(values)) for word, values in seen.items() if len(values) > 1]
    return sorted(entries, key=lambda row: -abs(row[1]) * row[2])


def _bars(words: list[tuple[str, float, int]], scale: str, top: int) -> Bars:
    return Bars(
        title="Words by mean attribution",
        x_label=f"mean attribution ({scale})",
        bars=tuple(Bar(label=f"{word} (n={count})", value=value) for word, value, count in words[: max(top, 1)]),
        caption="Right of zero a word raises the output; n: texts that hold it. Sorted by both together.",
    )


def _table(case: TextCase, top: int, scale: str) -> Table:
    order = np.argsort(-np.abs(case.shap), kind="stable")[: max(top, 1)]
    marked = " ".join(_mark(word, value, case.shap) for word, value in zip(case.words, case.shap, strict=True))
    return Table(
        title=f"Text {case.row}: {case.why}",
        columns=("word", "SHAP", "LIME"),
        rows=tuple((case.words[place][:60], float(case.shap[place]), float(case.lime[place])) for place in order),
        caption=(
            f"Predicted {case.predicted}, in fact {case.actual}; output {case.output:.3g}, empty text {case.base:.3g} "
            f"({scale}). Words that raise it ▲, that lower it ▼: {marked[:600]}"
        ),
        folded=True,
    )


def _mark(word: str, value: float, values: np.ndarray) -> str:
    """Mark a word that has a fifth or more of the strongest word's weight."""
    strong = abs(value) >= 0.2 * float(np.abs(values).max()) > 0
    return word if not strong else f"{word}{'▲' if value > 0 else '▼'}"
