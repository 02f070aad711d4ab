"""A small tokenizer: words or characters to ids; its vocabulary is saved with the model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from trainers.errors import TrainerError

PADDING, UNKNOWN, FIRST = 0, 1, 2
_WORD = re.compile(r"\w+|[^\w\s]")
_DIGIT = re.compile(r"\d")


def split(text: str, level: str) -> list[str]:
    """Cut a text into tokens: lower case; words and single signs, or characters; every digit reads 0.

    Digits are merged because numbers (of telephones, of prices) hardly ever come twice, but their length does.

    Examples
    --------
    >>> split("Call 0800, NOW!", "word")
    ['call', '0000', ',', 'now', '!']
    >>> split("Hi 5", "character")
    ['h', 'i', ' ', '0']
    """
    text = _DIGIT.sub("0", text.lower())
    return _WORD.findall(text) if level == "word" else list(text)


def vocabulary(texts: Iterable[str], level: str, size: int) -> tuple[str, ...]:
    """Collect the most frequent tokens; `size` counts padding and unknown too.

    Raises
    ------
    TrainerError
        If the texts hold no token at all.

    Examples
    --------
    >>> vocabulary(["b a", "b"], "word", 10)
    ('b', 'a')
    """
    counts = Counter(token for text in texts for token in split(text, level))
    if not counts:
        raise TrainerError("the vocabulary is empty: no text holds a token. Pass texts with words in them")
    ranked = sorted(counts, key=lambda token: (-counts[token], token))
    return tuple(ranked[: size - FIRST])


def encode(texts: Sequence[str], words: Sequence[str], level: str, length: int) -> NDArray[np.int64]:
    """Turn texts into ids of shape (rows, length): the first `length` tokens, padding after them.

    Examples
    --------
    >>> encode(["b c", ""], ("b", "a"), "word", 3)
    array([[2, 1, 0],
           [1, 0, 0]])
    """
    ids: Mapping[str, int] = {token: number for number, token in enumerate(words, start=FIRST)}
    table = np.zeros((len(texts), length), dtype=np.int64)
    for row, text in enumerate(texts):
        numbers = [ids.get(token, UNKNOWN) for token in split(text, level)[:length]] or [UNKNOWN]
        table[row, : len(numbers)] = numbers
    return table


def values(X: object) -> tuple[list[str], str | None]:
    """Read texts from a list, an array, a series or a frame of one column; give its name where it has one.

    Raises
    ------
    TrainerError
        If there are several columns, no rows, or anything but text.

    Examples
    --------
    >>> values(["a", "b"])
    (['a', 'b'], None)
    """
    name = None
    if hasattr(X, "columns"):
        name = str(next(iter(X.columns))) if len(X.columns) else None
    array = np.asarray(X, dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise TrainerError(f"X has shape {array.shape}; expected texts in one column. Pass X[[column]]")
    if not len(array):
        raise TrainerError("X holds no rows; expected at least one text")
    strange = next((value for value in array if not isinstance(value, str)), None)
    if strange is not None or any(value is None for value in array):
        raise TrainerError(f"X holds {type(strange).__name__} values; expected text. Fill missing texts with ''")
    return [str(value) for value in array], name
