"""What is said about a model that cannot read the rows it is given, or changes them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

from audit.errors import ModelError, quote, quote_all

UNREAD = re.compile(r"could not convert string to float: '(.*?)'")
"""What NumPy says of a word among numbers."""


@contextmanager
def naming_columns(X: pd.DataFrame) -> Iterator[None]:
    """Name the column whose word a model of numbers could not read; the model's own message has the word alone."""
    try:
        yield
    except ModelError as error:
        word = UNREAD.search(str(error))
        columns = [] if word is None else [name for name in X.columns if (X[name].astype(object) == word[1]).any()]
        if word is None or not columns:
            raise
        raise ModelError(
            f"the model reads numbers, and column {quote_all(columns)} holds {quote(word[1])}. If it stands for a "
            "missing value, name it in [data] missing; else write the column as the model was fitted on it."
        ) from error


def warn_if_changed(given: object, asked: object) -> None:
    """Warn where a model changed the rows it was given, which are a copy."""
    frames = isinstance(given, pd.DataFrame) and isinstance(asked, pd.DataFrame)
    same = given.equals(asked) if frames else _equal(given, asked)  # type: ignore[attr-defined]
    if not same:
        warnings.warn(
            "the model changes the table that it is given; it was given a copy, so the audit is not affected",
            stacklevel=2,
        )


def _equal(given: object, asked: object) -> bool:
    left, right = np.asarray(given), np.asarray(asked)
    if left.dtype == object:
        return pd.DataFrame(left).equals(pd.DataFrame(right))
    # Looking for missing values costs twenty times as much as finding that there is no difference.
    return np.array_equal(left, right) or bool(np.array_equal(left, right, equal_nan=left.dtype.kind == "f"))
