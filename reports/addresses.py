"""The one writer of addresses: ``{"race": "Black", "sex": "Female", "split": "test"}`` as words."""

from __future__ import annotations

from collections.abc import Mapping

from reports.printable import visible

HOUSE_WORDS = frozenset({"split", "fold", "variant", "class", "feature", "slice", "layer", "window"})
"""Keys of addresses that are not features of the rows."""
HOUSE_ORDER = ("class", "feature", "slice", "layer", "variant", "fold", "window")
"""Order in which house words follow the features; the split comes last, in brackets."""
Names = Mapping[str, Mapping[str, str]]
"""Value labels: column → value → words."""


def address(where: Mapping[str, str], names: Names | None = None) -> str:
    """Write a slice in words.

    Features come first, in alphabetical order (the order of keys in a saved record), then house words in
    the order of :data:`HOUSE_ORDER`. The split is left out where it is ``test`` and anything else is said,
    and stands in brackets where it is another one.

    Parameters
    ----------
    where : mapping
        The address; ``"*"`` as a level means every level.
    names : mapping, optional
        Value labels by column; a label stands for itself, without its column.

    Examples
    --------
    >>> address({"sex": "Female", "race": "Black", "split": "test"})
    'race: Black, sex: Female'
    >>> address({"split": "train", "sex": "2"}, {"sex": {"2": "women"}})
    'women (train rows)'
    >>> address({"class": "*", "split": "*"}), address({}), address({"split": "test"})
    ('every class, every split', 'all rows', 'all test rows')
    """
    split = visible(where["split"], 40) if where.get("split", "*") != "*" else ""
    parts = [_level(key, where[key], names or {}) for key in _order(where) if key != "split" or where[key] == "*"]
    if not parts:
        return f"all {split} rows" if split else "all rows"
    return ", ".join(parts) + (f" ({split} rows)" if split not in ("", "test") else "")


def _order(where: Mapping[str, str]) -> list[str]:
    house = [key for key in (*HOUSE_ORDER, "split") if key in where]
    return [*sorted(set(where) - set(house)), *house]


def _level(feature: str, level: str, names: Names) -> str:
    if level == "*":
        return "every group" if feature == "*" else f"every {visible(feature, 60)}"
    label = names.get(feature, {}).get(level, "")
    return visible(label, 80) or f"{visible(feature, 60)}: {visible(level, 80)}"
