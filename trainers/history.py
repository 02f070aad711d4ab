"""What training leaves behind: plain rows of epoch, split, quantity, value.

Quantities, all finite numbers:

* ``loss`` (splits ``train`` and ``validation``): mean weighted loss of the data, penalties left out; in regression
  of the standardized target, so 1 is what the mean alone reaches;
* ``score``: accuracy or R²; on the training split of at most 1024 rows, always the same ones;
* ``learning_rate``;
* ``gradient_norm:<layer>``, ``update_ratio:<layer>`` (length of the step by length of the weights): of the last
  step of the epoch, before clipping; layers stand in the order from input to output;
* ``dead_units:<layer>``: share of a layer's units that are never, or always, active on those same rows;
* ``clipped_share``: share of the epoch's steps whose gradient was clipped;
* ``early_step_ratio`` (recurrent networks): gradient by the first tenth of a sequence's steps, by that of the tenth
  where it is longest;
* ``weight_ratio``: length of all weights by their first length;
* ``unseen_loss`` (epoch 1): mean loss of the second half of the batches, each seen for the first time;
* ``initial_loss``, ``gradient_norm:<layer>`` (epoch 0): before the first step, on those same rows;
* ``constant_loss`` (epoch 0): loss of the best constant answer;
* ``simple_score`` (epoch 0): the better of neighbors and a linear model, on rows that they have not seen;
* ``narrowest_layer`` (epoch 0): fewest units of a hidden layer; ``l1``, ``l2``, ``dropout`` (epoch 0): as set;
* ``input_scale_ratio`` (epoch 0): largest by smallest standard deviation of the inputs as the network sees them;
* ``parameters`` (epoch 0): trained numbers in the network; ``rows`` (epoch 0, by split);
* ``kept`` (1): the epoch whose weights the model holds; later ones were thrown away;
* ``not_finite`` (1): the loss was no longer a number, training stopped and the last good weights were kept;
* ``interrupted`` (1): a person stopped the training, the best weights so far were kept;
* ``seconds``: time of the epoch. It is the only quantity that differs between two equal runs; files leave it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

TRAIN = "train"
VALIDATION = "validation"


class HistoryRow(NamedTuple):
    """One number of one epoch.

    Examples
    --------
    >>> HistoryRow(1, "train", "loss", 0.5).value
    0.5
    """

    epoch: int
    """Counts from 1; 0 is what was known before training."""
    split: str
    """``train`` or ``validation``."""
    quantity: str
    """``loss``, ``score``, ``gradient_norm:hidden1`` …"""
    value: float


History = tuple[HistoryRow, ...]


def as_dicts(history: Iterable[HistoryRow]) -> list[dict[str, int | str | float]]:
    """Turn rows into plain dicts, for JSON or a data frame.

    Examples
    --------
    >>> as_dicts([HistoryRow(1, "train", "loss", 0.5)])
    [{'epoch': 1, 'split': 'train', 'quantity': 'loss', 'value': 0.5}]
    """
    return [dict(row._asdict()) for row in history]


def from_dicts(rows: Iterable[Mapping[str, object]]) -> History:
    """Turn dicts back into rows.

    Raises
    ------
    ValueError
        If a row lacks a field or holds no number.

    Examples
    --------
    >>> from_dicts([{"epoch": 1, "split": "train", "quantity": "loss", "value": 0.5}])[0].quantity
    'loss'
    """
    entries = []
    for row in rows:
        try:
            entries.append(
                HistoryRow(int(str(row["epoch"])), str(row["split"]), str(row["quantity"]), float(str(row["value"])))
            )
        except (KeyError, ValueError) as error:
            raise ValueError(f"a history row holds {dict(row)}; expected epoch, split, quantity and value") from error
    return tuple(entries)


def series(history: Iterable[HistoryRow], quantity: str, split: str = TRAIN) -> tuple[tuple[int, float], ...]:
    """Pick one quantity of one split, as (epoch, value).

    Examples
    --------
    >>> series([HistoryRow(1, "train", "loss", 0.5), HistoryRow(1, "train", "score", 0.9)], "loss")
    ((1, 0.5),)
    """
    return tuple((row.epoch, row.value) for row in history if row.quantity == quantity and row.split == split)


def layers(history: Iterable[HistoryRow], quantity: str) -> tuple[str, ...]:
    """Name the layers of a quantity such as ``gradient_norm``, from input to output.

    Examples
    --------
    >>> layers([HistoryRow(1, "train", "gradient_norm:hidden1", 0.5)], "gradient_norm")
    ('hidden1',)
    """
    prefix = quantity + ":"
    names = (row.quantity.removeprefix(prefix) for row in history if row.quantity.startswith(prefix))
    return tuple(dict.fromkeys(names))


def without_seconds(history: Iterable[HistoryRow]) -> History:
    """Leave out the one quantity that differs between two equal runs.

    Examples
    --------
    >>> without_seconds([HistoryRow(1, "train", "seconds", 0.5)])
    ()
    """
    return tuple(row for row in history if row.quantity != "seconds")
