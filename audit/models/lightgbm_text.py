"""LightGBM's text files, looked through before its library reads them, which crashes or never ends on damaged ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from audit.errors import ModelError, quote

OF_NODES = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
OF_NODES_OR_NONE = ("split_gain", "internal_value", "internal_weight", "internal_count")
OF_LEAVES_OR_NONE = ("leaf_weight", "leaf_count")
END = re.compile(
    r"end of trees\n+feature[ _]importances:\n*(?:[^\n=]*=[^\n]*\n*)*"
    r"(?:parameters:\n(?:\[[a-z0-9_]+: [^\n]*\]\n)*\n*end of parameters\n*)?(?:pandas_categorical:[^\n]*)?"
)
NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*(?:e[-+]?[0-9]+)?|nan|inf)"
OF_TREES = re.compile(rf"(?:[a-z_]+= *(?:{NUMBER}(?: +|$))*|Tree=[0-9]+)\r?")
"""A line of a tree, in the only notation that the library reads as Python does."""
MOST = 100_000
"""Classes, and trees of an iteration, that there may be."""


def require_sound(path: Path) -> None:
    r"""Refuse a file whose trees do not fit together: cut off, or with a count, place or number that cannot be.

    Raises
    ------
    ModelError
        Naming the tree and what is wrong with it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.txt"
    ...     done = path.write_text("tree\nversion=v4\nnum_class=1\n")
    ...     require_sound(path)
    Traceback (most recent call last):
    audit.errors.ModelError: 'model.txt' is not a complete LightGBM model: its head has no 'num_tree_per_iteration'.
    """
    try:
        _require_sound(path.read_bytes())
    except (ValueError, KeyError, OverflowError) as error:
        said = f"has no {error}" if isinstance(error, KeyError) else str(error)
        where = "its head " if isinstance(error, KeyError) else ""
        raise ModelError(f"{quote(path.name)} is not a complete LightGBM model: {where}{said}.") from error


def _require_sound(content: bytes) -> None:
    if b"\0" in content:
        raise ValueError("it holds bytes that are not text")
    start = content.find(b"\nTree=") + 1
    head = _fields(content[: start or len(content)].decode("utf-8"))
    sizes, last = _require_head(head)
    for number, size in enumerate(sizes):
        block = content[start : start + size]
        if not block.startswith(b"Tree=%d\n" % number):
            raise ValueError(f"tree {number} does not begin where it should")
        try:
            _require_tree(_fields(block.decode("utf-8"), OF_TREES), last)
        except KeyError as error:
            raise ValueError(f"tree {number} has no {error}") from error
        except UnicodeDecodeError as error:
            raise ValueError("it holds bytes that are not text") from error
        except ValueError as error:
            raise ValueError(f"tree {number}: {error}") from error
        start += size
    end = content[start:].decode("utf-8").strip()
    if not END.fullmatch(end):
        raise ValueError("it is cut off, or its end is damaged")


def _require_head(head: Mapping[str, str]) -> tuple[list[int], int]:
    """Return how many bytes each tree takes, and the place of the last feature."""
    keys = ("num_class", "num_tree_per_iteration", "max_feature_idx")
    classes, of_iteration, last = (_whole(head[key], key) for key in keys)
    if not (1 <= classes <= MOST and 1 <= of_iteration <= MOST and 0 <= last < 10 * MOST):
        raise ValueError(f"num_class={classes}, num_tree_per_iteration={of_iteration}, max_feature_idx={last}")
    for key in ("feature_names", "feature_infos"):
        _require(len(head[key].split(" ")), last + 1, key)
    sizes = [_whole(text, "tree_sizes") for text in head["tree_sizes"].split()]
    if not sizes or len(sizes) % of_iteration or min(sizes) < 1:
        raise ValueError(f"{len(sizes)} trees for iterations of {of_iteration}")
    return sizes, last


def _require_tree(tree: Mapping[str, str], last: int) -> None:
    leaves, categories = _whole(tree["num_leaves"], "num_leaves"), _whole(tree["num_cat"], "num_cat")
    nodes = leaves - 1
    if leaves < 1:
        raise ValueError(f"num_leaves={leaves}")
    _require(len(_numbers(tree, "leaf_value")), leaves, "leaf_value")
    for key, count in (*((text, nodes) for text in OF_NODES_OR_NONE), *((text, leaves) for text in OF_LEAVES_OR_NONE)):
        if tree.get(key):
            _require(len(_numbers(tree, key)), count, key)
    if int(tree.get("is_linear", "0") or 0):
        _require_linear(tree, leaves, last)
    if not nodes:
        return
    table = {key: _numbers(tree, key) for key in OF_NODES}
    for key, values in table.items():
        _require(len(values), nodes, key)
    _require_places(table["split_feature"], last + 1, "split_feature")
    children = sorted(int(value) for key in ("left_child", "right_child") for value in table[key])
    if children != [*range(-leaves, 0), *range(1, nodes)]:
        raise ValueError("its nodes do not form a tree")
    _require_categories(tree, table, categories)


def _require_linear(tree: Mapping[str, str], leaves: int, last: int) -> None:
    counts = _numbers(tree, "num_features")
    for key, values in (("num_features", counts), ("leaf_const", _numbers(tree, "leaf_const"))):
        _require(len(values), leaves, key)
    features = _numbers(tree, "leaf_features")
    _require(len(features), int(sum(counts)), "leaf_features")
    _require(len(_numbers(tree, "leaf_coeff")), len(features), "leaf_coeff")
    _require_places(features, last + 1, "leaf_features")


def _require_categories(tree: Mapping[str, str], table: Mapping[str, Sequence[float]], categories: int) -> None:
    sets = [value for value, kind in zip(table["threshold"], table["decision_type"], strict=True) if int(kind) & 1]
    if not categories:
        _require(len(sets), 0, "splits by category")
        return
    bounds = _numbers(tree, "cat_boundaries")
    _require(len(bounds), categories + 1, "cat_boundaries")
    if bounds[0] != 0 or any(value > other for value, other in pairwise(bounds)):
        raise ValueError("cat_boundaries do not rise from 0")
    _require(len(_numbers(tree, "cat_threshold")), int(bounds[-1]), "cat_threshold")
    _require_places(sets, categories, "threshold of a category")


def _fields(text: str, pattern: re.Pattern[str] = re.compile(".*")) -> dict[str, str]:
    """Return keys and values, a line each, of lines that fit a pattern."""
    result: dict[str, str] = {}
    for line in filter(None, text.split("\n")):
        key, sign, value = line.partition("=")
        if key in result or not pattern.fullmatch(line):
            raise ValueError(f"the line {quote(line)} should not be there")
        if sign:
            result[key] = value
    return result


def _whole(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name} is {quote(text)}; expected a whole number") from None


def _numbers(tree: Mapping[str, str], key: str) -> list[float]:
    try:
        return [float(text) for text in tree[key].split()]
    except ValueError:
        raise ValueError(f"{key} holds something other than numbers") from None


def _require(count: int, expected: int, name: str) -> None:
    if count != expected:
        raise ValueError(f"{count} {name}, expected {expected}")


def _require_places(values: Sequence[float], count: int, name: str) -> None:
    if any(value != int(value) or not 0 <= value < count for value in values):
        raise ValueError(f"{name} names something that does not exist")
