"""Labels of tables and of models: written in one way, mapped as the user says, refused where they do not meet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from audit.data.columns import ZEROS, plain_word, sorted_labels
from audit.errors import DataError, quote_all

Texts = npt.NDArray[np.object_]
NO_LABEL, UNKNOWN = "answers without a label", "labels that the target does not have"
"""Kinds of answers that are not a class."""
TRUTHS = (
    ({"0", "1"}, {"true": "1", "false": "0"}),
    ({"False", "True"}, {"1": "True", "0": "False"}),
    ({"False", "True"}, {"true": "True", "false": "False"}),
)
"""Classes, and other words for them in any case, as R and JSON write them."""


def in_words_of(texts: Texts, classes: Sequence[str]) -> Texts:
    """Let True and False, in any case, meet each other and 1 and 0.

    Examples
    --------
    >>> in_words_of(np.array(["True", None], dtype=object), ("0", "1")).tolist()
    ['1', None]
    >>> in_words_of(np.array(["TRUE", "false"], dtype=object), ("False", "True")).tolist()
    ['True', 'False']
    """
    for names, words in TRUTHS:
        if set(classes) == names and {text.lower() for text in set(texts) if text is not None} <= set(words):
            return np.array([None if text is None else words[text.lower()] for text in texts], dtype=object)
    return texts


def rewrite_labels(texts: Texts, labels: Mapping[str, str], what: str, beside: Collection[str] = ()) -> Texts:
    """Rewrite labels as ``[data.labels]`` says, if they are those that it rewrites.

    The words show whose labels are meant: those with a word that only stands on the left are rewritten, those
    with a word that only stands on the right are the words to be written.

    Parameters
    ----------
    texts : ndarray of shape (n,), object
    labels : mapping of str to str
    what : str
        Whose labels they are, for messages.
    beside : collection of str
        Further labels of the same side that do not occur in `texts`.

    Raises
    ------
    DataError
        If the words do not tell whose labels are meant.

    Examples
    --------
    >>> rewrite_labels(np.array(["1", "2"], dtype=object), {"1": "0", "2": "1"}, "the target").tolist()
    ['0', '1']
    """
    words = {text for text in (*texts, *beside) if text is not None}
    changed = {left for left, right in labels.items() if left != right}
    if not words & changed:
        return texts
    if words & (changed - set(labels.values())):
        return np.array([None if text is None else labels.get(text, text) for text in texts], dtype=object)
    if words - set(labels):
        return texts
    raise DataError(
        f"[data.labels] is ambiguous for {what}, which holds {quote_all(sorted(words))}: each of "
        "these words is on both of its sides. Write the labels the same way in table and model instead."
    )


def _near(text: str, other: str) -> bool:
    return ZEROS.sub("", plain_word(text)) == ZEROS.sub("", plain_word(other))


def require_same_labels(
    said: Collection[str], classes: Sequence[str], *, what: str, whole: bool, binary: bool, late: bool = False
) -> None:
    """Refuse labels that do not meet the target's, so that none is counted as another.

    Parameters
    ----------
    said : collection of str
        Labels of the model, or of a column of predictions.
    classes : sequence of str
        Classes of the target.
    what : str
        Whose labels they are, for the message.
    whole : bool
        Whether `said` is all that can be said: a model's classes, not some rows' predictions.
    binary : bool
    late : bool
        Whether ``[data] labels`` may already name files of later labels.

    Raises
    ------
    DataError
        With both sets and the line that maps them.

    Examples
    --------
    >>> require_same_labels({"0", "1"}, ("1", "2"), what="the model answers", whole=True, binary=True)
    Traceback (most recent call last):
    audit.errors.DataError: the model answers '0', '1', the target holds '1', '2'. If they mean the same, state [data...
    """
    odd, lacking = sorted_labels(set(said) - set(classes)), sorted_labels(set(classes) - set(said))
    alike = any(_near(name, other) for name in odd for other in classes)
    apart = bool(odd and lacking)
    numbered = all(word.lstrip("-").isdigit() for word in (*said, *classes))
    refused = (apart or (binary and bool(odd or lacking))) if whole else apart and (binary or numbered)
    if said and (refused or alike or not set(said) & set(classes)):
        theirs, ours = sorted_labels(said), sorted_labels(classes)
        if _has_fractions(theirs) and not _has_fractions(ours):
            raise DataError(
                f"{what} numbers such as {quote_all(theirs[:3])}, the target holds {quote_all(ours)}: these are scores "
                "or "
                "amounts, expected labels. Scores belong in predict_proba, or in the column that [data] score names."
            )
        raise DataError(
            f"{what} {quote_all(theirs)}, the target holds {quote_all(ours)}. {_advice(theirs, ours, late)}"
        )


def _has_fractions(words: Sequence[str]) -> bool:
    """Tell whether all words are numbers and not all are whole."""
    try:
        return any(not float(word).is_integer() for word in words)
    except ValueError:
        return False


def _advice(said: Sequence[str], classes: Sequence[str], late: bool) -> str:
    """Say which label may be which: by spelling, by the order of numbers, else for a person to fill in."""
    pairs = _pairs(said, classes)
    if not pairs:
        return "Write the labels alike."
    line = ", ".join(f'"{text}" = "{other}"' for text, other in list(pairs.items())[:6])
    files = ", name files of later labels in label_files" if late else ""
    return (
        f"If they mean the same, state [data] labels = {{ {line} }} (a word = the word that it means){files}, or write "
        "the labels alike."
    )


def _pairs(said: Sequence[str], classes: Sequence[str]) -> Mapping[str, str]:
    odd, lacking = [text for text in said if text not in classes], [class_ for class_ in classes if class_ not in said]
    if near := {text: other for text in lacking for other in odd if _near(text, other)}:
        return near
    if near := {name: other for name in odd for other in classes if _near(name, other)}:
        return near  # the same word twice: the other one is written anew
    if len(said) != len(classes):
        return {}
    # Numbers stand for words in their order, as encoders of labels number them; words for words are anybody's guess.
    ordered = any(all(word.lstrip("-").replace(".", "", 1).isdigit() for word in side) for side in (said, classes))
    return dict(zip(classes, said if ordered else ["?"] * len(said), strict=True))


def require_answers(answered: npt.NDArray[np.bool_], classes: Sequence[str]) -> None:
    """Refuse answers of which none is a class.

    Examples
    --------
    >>> require_answers(np.array([False]), ("no", "yes"))
    Traceback (most recent call last):
    audit.errors.DataError: no predicted label is a class of the target ('no', 'yes'): there is nothing to audit...
    """
    if not answered.any():
        raise DataError(
            f"no predicted label is a class of the target ({quote_all(classes)}): there is nothing to audit. "
            "Check that the predictions and the target name the classes alike."
        )
