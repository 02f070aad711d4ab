"""A log of a training, as a program other than ours wrote it, becomes rows of epoch, split, quantity and value."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from audit.errors import DataError, quote, quote_all
from audit.evidence import HistoryRow
from audit.evidence.event_files import is_event_log, read_events

PLAIN = ("epoch", "split", "quantity", "value")
VALIDATION = ("val_", "valid_", "validation_", "eval_", "test_")
RATES = ("lr", "learning_rate")
SCORES = ("acc", "accuracy", "score", "f1", "auc", "auroc", "r2")
MOST_ROWS = 1_000_000

Log = str | Path | Iterable[Mapping[str, object]]


def read_history(log: Log) -> tuple[HistoryRow, ...]:
    """Read the log of a training.

    Parameters
    ----------
    log : path of a CSV, or rows as mappings
        With columns epoch, split, quantity and value; or one column a quantity, as Lightning's ``CSVLogger``, Keras'
        ``CSVLogger`` and fastai write them (``train_loss``, ``val_loss``, ``lr-Adam`` …); an event file of
        TensorBoard, or the folder that holds them. Several rows of an epoch are averaged; epochs that count from 0
        are counted from 1.

    Returns
    -------
    tuple of HistoryRow

    Raises
    ------
    DataError
        If there is no such file, or no column of losses; says what was expected.

    Examples
    --------
    >>> rows = read_history([{"epoch": "0", "train_loss": "1.0", "val_loss": ""}, {"epoch": "0", "val_loss": "2.0"}])
    >>> [(row.epoch, row.split, row.quantity, row.value) for row in rows]
    [(1, 'train', 'loss', 1.0), (1, 'validation', 'loss', 2.0)]
    """
    name = str(getattr(log, "name", log)) if isinstance(log, str | Path) else "history"
    rows = _from_file(Path(log)) if isinstance(log, str | Path) else [dict(row) for row in log]
    if not rows:
        raise DataError(f"{quote(name)} holds no rows; expected one an epoch.")
    columns = list(dict.fromkeys(str(key) for row in rows for key in row if key is not None))
    if set(PLAIN) <= set(columns):
        return tuple(_plain(row, name) for row in rows)
    meanings = {column: meaning for column in columns if (meaning := _meaning(column)) is not None}
    if not any(quantity == "loss" for _, quantity in meanings.values()):
        raise DataError(
            f"{quote(name)} has no column of losses; its columns are {quote_all(columns)}. Expected epoch with "
            "train_loss and val_loss, or epoch, split, quantity and value."
        )
    return _average(rows, meanings)


def _from_file(path: Path) -> list[dict[str, object]]:
    if is_event_log(path) and path.exists():
        return read_events(path)
    if not path.is_file():
        raise DataError(
            f"[model] history: no file {quote(str(path))}; expected a CSV with a row an epoch, or TensorBoard's event "
            "files."
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [dict(row) for _, row in zip(range(MOST_ROWS), csv.DictReader(file), strict=False)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"[model] history: {quote(path.name)} cannot be read as CSV: {error}.") from error
    return [{key: value for key, value in row.items() if key is not None} for row in rows]


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number


def _plain(row: Mapping[str, object], name: str) -> HistoryRow:
    epoch, value = _number(row["epoch"]), _number(row["value"])
    if epoch is None or not math.isfinite(epoch):
        raise DataError(f"{quote(name)}: epoch is {quote(str(row['epoch']))}; expected a whole number.")
    finite = value if value is not None and math.isfinite(value) else None
    return HistoryRow(epoch=int(epoch), split=str(row["split"]), quantity=str(row["quantity"]), value=finite)


def _meaning(column: str) -> tuple[str, str] | None:
    """Say of which split a column is and what it holds, if that is known."""
    text = column.strip().lower().replace("/", "_").replace("-", "_").replace(" ", "_")
    if text.endswith("_step"):
        return None
    text = text.removesuffix("_epoch")
    split = "validation" if text.startswith(VALIDATION) else "train"
    for prefix in (*VALIDATION, "train_", "training_"):
        text = text.removeprefix(prefix)
    if text == "loss":
        return split, "loss"
    if text in SCORES or text.endswith(("accuracy", "_acc")):
        return split, "score"
    if text in RATES or text.startswith("lr_"):
        return "train", "learning_rate"
    return None


def _average(rows: list[dict[str, object]], meanings: Mapping[str, tuple[str, str]]) -> tuple[HistoryRow, ...]:
    numbered = [_number(row.get("epoch", row.get("Epoch"))) for row in rows]
    known = [int(number) for number in numbered if number is not None and math.isfinite(number)]
    first = 1 - min(known, default=1) if known and min(known) <= 0 else 0
    table: dict[tuple[int, str, str], list[float | None]] = {}
    for place, (row, number) in enumerate(zip(rows, numbered, strict=True), start=1):
        epoch = int(number) + first if number is not None and math.isfinite(number) else place
        for column, (split, quantity) in meanings.items():
            text = str(row.get(column, "") or "").strip()
            value = _number(text)
            if text and value is not None:
                table.setdefault((epoch, split, quantity), []).append(value if math.isfinite(value) else None)
    entries = []
    for (epoch, split, quantity), values in sorted(table.items()):
        numbers = [value for value in values if value is not None]
        mean = math.fsum(numbers) / len(numbers) if len(numbers) == len(values) else None
        entries.append(HistoryRow(epoch=epoch, split=split, quantity=quantity, value=mean))
    return tuple(entries)
