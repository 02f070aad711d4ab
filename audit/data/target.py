"""The target of a task: amounts, or classes in the words of the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_text, label_texts, require_distinct, sorted_labels
from audit.data.factor import Factor
from audit.data.labels import in_words_of, rewrite_labels
from audit.data.roles import Roles
from audit.errors import DataError, hint, quote, quote_all
from reports.record import Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """What is to be predicted, row for row.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
    classes : tuple of str
        Binary: the negative, then the positive class. Empty in regression.
    y : ndarray of shape (n,)
        Codes into `classes` (int64), or the target itself (float64) in regression.
    order : tuple of str
        The classes as scikit-learn sorts them: numbers as numbers, words as words.
    favorable : str
        The class that is good for the person; ``""`` if that was not stated.
    """

    task: Task
    classes: tuple[str, ...]
    y: npt.NDArray[np.generic]
    order: tuple[str, ...] = ()
    favorable: str = ""


def encode_target(column: pd.Series, roles: Roles) -> Target:
    """Read the target column.

    Raises
    ------
    DataError
        If it does not fit its task.

    Examples
    --------
    >>> encode_target(pd.Series([10, 9, 9], name="y"), Roles(target="y", task="binary", positive=9)).order
    ('9', '10')
    """
    task = roles.task or _infer_task(column)
    if task == "regression":
        if roles.favorable is not None:
            raise DataError(
                f"[data] favorable is {quote(roles.favorable)}; it names a class, and the task is regression. "
                "Leave it out."
            )
        if roles.order:
            raise DataError("[data] order applies to three classes or more; leave it out of a regression.")
        return Target(task=task, classes=(), y=_amounts(column, roles.target))
    given = label_texts(column)
    texts = rewrite_labels(given, roles.labels, f"target {quote(roles.target)}")
    classes = sorted_labels(set(texts))
    if len(classes) > 1000:
        raise DataError(f'target {quote(roles.target)} has {len(classes)} classes; is task = "regression" meant?')
    require_distinct(classes, f"target {quote(roles.target)}", numbers=True)
    order = _sorted_as_values(column) if given is texts else sorted_labels(classes)
    if roles.order:
        classes = _stated_order(classes, task, roles)
    if task == "binary":
        classes = _binary_classes(classes, roles)
    favorable = "" if roles.favorable is None else class_named("favorable", roles.favorable, classes, roles)
    y = pd.Index(classes).get_indexer(pd.Index(texts)).astype(np.int64)
    return Target(task=task, classes=classes, y=y, order=order, favorable=favorable)


def _stated_order(classes: tuple[str, ...], task: Task, roles: Roles) -> tuple[str, ...]:
    """Return the classes from least to most, as the user states.

    Examples
    --------
    >>> _stated_order(("high", "low", "mid"), "multiclass", Roles(target="y", order=("low", "mid", "high")))
    ('low', 'mid', 'high')
    """
    if task == "binary":
        raise DataError("[data] order applies to three classes or more; leave it out of a binary task.")
    named = tuple(class_named("order", label, classes, roles) for label in roles.order)
    if missing := [class_ for class_ in classes if class_ not in named]:
        raise DataError(f"[data] order lacks {quote_all(missing)}; expected every class once, from least to most.")
    if len(set(named)) < len(named):
        raise DataError(f"[data] order names {quote(next(text for text in named if named.count(text) > 1))} twice.")
    return named


def _amounts(column: pd.Series, name: str) -> npt.NDArray[np.float64]:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise DataError(f"target {quote(name)} holds text such as {quote(column.iloc[0])}; regression needs numbers.")
    y = column.to_numpy(dtype=np.float64)
    if not np.isfinite(y).all():
        raise DataError(f"target {quote(name)} holds infinite values.")
    return y


def _sorted_as_values(column: pd.Series) -> tuple[str, ...]:
    """Sort the classes as scikit-learn does: by value, so that words of digits are sorted as words."""
    levels = [value.item() if isinstance(value, np.generic) else value for value in pd.unique(column.dropna())]
    try:
        return tuple(dict.fromkeys(label_text(level) for level in sorted(levels)))
    except TypeError:
        return tuple(sorted({label_text(level) for level in levels}))


def _infer_task(column: pd.Series) -> Task:
    distinct = column.nunique()
    if distinct == 2:
        return "binary"
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return "multiclass"
    values = column.to_numpy(dtype=np.float64)
    if distinct > 20 and not (values == np.round(values)).all():
        return "regression"
    raise DataError(
        f"target {quote(column.name)} holds numbers with {distinct} distinct values: classes or amounts? "
        'State [data] task = "binary", "multiclass" or "regression".'
    )


def _binary_classes(classes: tuple[str, ...], roles: Roles) -> tuple[str, ...]:
    if len(classes) != 2:
        what = "one class only" if len(classes) == 1 else f"{len(classes)} classes"
        raise DataError(
            f"target {quote(roles.target)} has {what}: {quote_all(classes)}; a binary task needs two."
            + (' State task = "multiclass"?' if len(classes) > 2 else "")
        )
    if roles.positive is not None:
        positive = class_named("positive", roles.positive, classes, roles)
    elif set(classes) in ({"0", "1"}, {"False", "True"}):
        positive = classes[1]
    else:
        raise DataError(
            f"which class is positive? Target {quote(roles.target)} has {quote_all(classes)}; state [data] positive."
        )
    return (classes[0] if classes[1] == positive else classes[1], positive)


def class_named(role: str, stated: object, classes: tuple[str, ...], roles: Roles) -> str:
    """Return the class that the user names, as either side writes it.

    Raises
    ------
    DataError
        If it is not a class, or `labels` makes another of it.

    Examples
    --------
    >>> class_named("positive", 1, ("False", "True"), Roles(target="y"))
    'True'
    """
    name = label_text(stated)
    mapped = roles.labels.get(name, name)
    if name in classes and mapped != name and mapped in classes:
        raise DataError(
            f"[data] {role} is {quote(name)}, which [data.labels] turns into {quote(mapped)}, and both are classes; "
            f"name the class by a word that only one side uses."
        )
    for word in (name, mapped, *(in_words_of(np.array([name], dtype=object), classes))):
        if word in classes:
            return str(word)
    raise DataError(
        f"{role} class {quote(name)} does not occur in target {quote(roles.target)}, which has "
        f"{quote_all(classes)}." + hint(name, classes)
    )


def require_both_classes(target: Target, split: Factor) -> None:
    """Refuse a split whose rows hold one class only.

    Raises
    ------
    DataError
        Naming the split.
    """
    if target.task == "regression":
        return
    for name in split.levels:
        present = np.unique(target.y[split.mask(name)])
        if len(present) < 2:
            raise DataError(
                f"the {name} rows hold one class only ({quote_all(target.classes[int(code)] for code in present)}); "
                "a classifier cannot be measured on one class. Evaluate on rows of every class."
            )
