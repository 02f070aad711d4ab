"""The tables of the splits become one table, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from audit.data.factor import Factor
from audit.data.kinds import plain, unfit, unite_columns
from audit.data.roles import Roles
from audit.errors import DataError, quote


def join_columns(
    frames: Mapping[str, pd.DataFrame], shared: Sequence[str], roles: Roles
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Put the `shared` columns of all splits one below the other, each as values of one kind.

    Returns
    -------
    DataFrame
    dict of str to str
        Columns that were left out, since no audit can read them → what they hold.

    Raises
    ------
    DataError
        If splits disagree in kind, or a column that plays a part cannot be read.

    Examples
    --------
    >>> tables = {"train": pd.DataFrame({"a": [1], "b": [[1]]}), "test": pd.DataFrame({"a": [2.5], "b": [[2]]})}
    >>> join_columns(tables, ["a", "b"], Roles(target="a"))
    (     a
    0  1.0
    1  2.5, {'b': 'lists'})
    """
    stated = {*roles.text, *roles.number}
    types = [dict(frame.dtypes) for frame in frames.values()]
    easy = {name: None for name in shared if name not in stated and all(_is_number(table.get(name)) for table in types)}
    block = pd.concat([frame.reindex(columns=list(easy)) for frame in frames.values()], ignore_index=True)
    others: dict[str, pd.Series] = {}
    ignored: dict[str, str] = {}
    needed = {roles.target, roles.weight, roles.cluster, roles.time, roles.prediction, *roles.score_columns()}
    needed |= {*roles.sensitive, *(roles.features or ())}
    for name in shared:
        if name in easy:
            continue
        parts = {split: _part(frame, name) for split, frame in frames.items()}
        if what := next((text for part in parts.values() if (text := unfit(part))), ""):
            if name in needed:
                raise DataError(f"column {quote(name)} holds {what}; expected numbers, words, truth values or times.")
            ignored[name] = what
            continue
        others[name] = unite_columns(name, parts, text=name in roles.text, number=name in roles.number)
    if not others:
        return block, ignored
    whole = pd.concat([block, pd.DataFrame(others)], axis=1) if easy else pd.DataFrame(others)
    return whole[[name for name in shared if name not in ignored]], ignored


def _part(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of one split, empty where it has none: answers stand beside the test rows alone."""
    return plain(frame[name]) if name in frame.columns else pd.Series([None] * len(frame), dtype=object)


def _is_number(dtype: object) -> bool:
    """Tell whether a column is of NumPy's numbers, which is nothing to think about; half precision is."""
    kind, size = getattr(dtype, "kind", "O"), getattr(dtype, "itemsize", 0)
    return (kind in "iu" or (kind == "f" and size > 2)) and _is_numpy(dtype)


def _is_numpy(dtype: object) -> bool:
    return type(dtype).__module__.startswith("numpy")


def outside_column(name: str, split: Factor, apart: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Join a column that stands beside the tables; splits without it have no values.

    Raises
    ------
    DataError
        If it cannot be read, or splits disagree in kind.

    Examples
    --------
    >>> split = Factor.of(["train", "test"], ["train", "test"])
    >>> outside_column("sex", split, {"test": pd.DataFrame({"sex": ["f"]})}).isna().tolist()
    [True, False]
    """
    parts = {}
    for level in split.levels:
        frame = apart.get(level)
        has = frame is not None and name in frame.columns
        parts[level] = plain(frame[name]) if has else pd.Series([None] * int(split.mask(level).sum()), dtype=object)  # type: ignore[index]
        if what := unfit(parts[level]):
            raise DataError(f"sensitive feature {quote(name)} holds {what}; expected numbers, words or truth values.")
    return unite_columns(name, parts).rename(name)
