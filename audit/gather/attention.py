"""Which steps or words the attention of a Transformer mixes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from audit.errors import NotApplicable
from audit.explain.attention import AttentionMap, attention_weights, relative_entropy
from audit.models.answers import as_model_input

if TYPE_CHECKING:
    from audit.gather import Context
    from audit.models.load import Model

MOST_STEPS = 40
_TOKEN = re.compile(r"\w+|[^\w\s]")


def gather(context: Context, *, rows: int = 50, texts: int = 2) -> tuple[AttentionMap, ...]:
    """Watch a Transformer answer test rows.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows whose attention is averaged, for series.
    texts : int
        Single texts that are shown, for tokens.

    Raises
    ------
    NotApplicable
        If the model is not a Transformer, or reads more than 40 steps.
    """
    model, dataset = context.require_model(), context.dataset
    module = getattr(model.predictor, "network_", None)
    if module is None:
        raise NotApplicable("for Transformers trained with trainers only; this model is of another kind")
    order = context.generator("explained rows").permutation(dataset.rows("test"))
    X = dataset.inputs(order[: max(rows, 10 * texts)])
    level = getattr(model.predictor, "tokens", None)
    if level in {"word", "character"}:
        return tuple(
            attention_map
            for text in _short(X, str(level), texts)
            for attention_map in _of_text(model, text, str(level))
        )
    arrays = _watch(model, X.iloc[:rows])
    return tuple(
        _map(f"Layer {number + 1}, mean of {min(rows, len(X))} test rows", weights, ())
        for number, weights in enumerate(arrays)
    )


def _short(X: pd.DataFrame, level: str, texts: int) -> list[pd.DataFrame]:
    """Return single rows whose texts fit into a matrix."""
    lengths = [len(_tokens(str(text), level)) for text in X.iloc[:, 0]]
    fitting = [place for place, length in enumerate(lengths) if 3 <= length <= MOST_STEPS // 2]
    if not fitting:
        raise NotApplicable(f"shows texts of 3 to {MOST_STEPS // 2} tokens; the sample has none")
    return [X.iloc[[place]] for place in fitting[:texts]]


def _tokens(text: str, level: str) -> list[str]:
    return _TOKEN.findall(text) if level == "word" else list(text)


def _of_text(model: Model, text: pd.DataFrame, level: str) -> list[AttentionMap]:
    tokens = tuple(_tokens(str(text.iloc[0, 0]), level))
    return [
        _map(f"Layer {number + 1}, one text", weights[:1], tokens) for number, weights in enumerate(_watch(model, text))
    ]


def _watch(model: Model, X: pd.DataFrame) -> list[np.ndarray]:
    arrays = attention_weights(
        model.predictor.network_,  # type: ignore[attr-defined]  # asked for before
        lambda: model.predictor.predict(as_model_input(model, X)),
    )
    if not arrays:
        raise NotApplicable("for networks with attention only; this one has no attention layer")
    if arrays[0].shape[-1] > MOST_STEPS:
        raise NotApplicable(f"{arrays[0].shape[-1]} steps are too many to show; at most {MOST_STEPS} are shown")
    return arrays


def _map(title: str, weights: np.ndarray, tokens: tuple[str, ...]) -> AttentionMap:
    steps = weights.shape[-1]
    if len(tokens) == steps:
        labels = tokens
    elif len(tokens) == steps - 1 and tokens:
        labels = ("[class]", *tokens)
    else:
        labels = tuple(str(step + 1) for step in range(steps))
    return AttentionMap(
        title=title, labels=labels, weights=weights.mean(axis=(0, 1)), entropy=relative_entropy(weights)
    )
