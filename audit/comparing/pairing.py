"""What a record keeps of each row so that a later audit of the same rows can be compared pair by pair.

It keeps the true and the predicted label (regression: target and error), the score, weight, cluster and groups;
no features. Scores, weights and targets are coarsened so that no value is held by fewer than ``suppress_n``
rows, and no row in a group that leaves no trace is distinguished by it. Rows stand in the order of a keyed hash
of their content: whoever has the table *and the key* can find the order again, whatever the order of its rows
or columns (see :mod:`audit.data.user_key`). A binary task takes about 3 bytes a row, several classes
about 2 bytes a row and class; 20,000 rows are kept unless ``[gather.pairing] rows`` asks for more or, with 0, for
none, and scores of several classes while they are no more than 400,000 numbers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import zlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_text
from audit.data.factor import MISSING, Factor
from audit.data.suppression import Address, groups_to_hide, shown_levels
from audit.errors import ConfigError
from audit.evidence import Predictions, Settings
from audit.tabular.rows import mix_bits
from reports.record import PairedGroups, Pairing, Task

Hashes = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.int64]
MOST_LEVELS = 200
"""Different scores, targets and weights that are kept unless more are asked for."""
MOST_ROWS = 20_000
MOST_UNPACKED = 20_000_000
"""Rows beyond which a record is taken for a forgery rather than unpacked."""
MOST_SCORES = 400_000
"""Scores of several classes that are kept: more would make a record of megabytes."""
STEPS = 65_535
LOGIT_END = 16.0
"""Probabilities nearer than 1e-7 to 0 or 1 are taken for equal."""


# --- which rows -----------------------------------------------------------------------------------


def row_hashes(frame: pd.DataFrame, key: bytes = b"") -> Hashes:
    """Hash each row by the names and values of its columns, whatever their order and number format.

    Parameters
    ----------
    frame : DataFrame
    key : bytes
        Without it nobody can tell which row has which hash.

    Examples
    --------
    >>> one = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    >>> other = pd.DataFrame({"b": ["x", None], "a": [1.0, 2.0]})
    >>> bool((row_hashes(one) == row_hashes(other)).all()), bool(row_hashes(one)[0] == row_hashes(one)[1])
    (True, False)
    """
    total = np.zeros(len(frame), dtype=np.uint64)
    for place, name in enumerate(frame.columns):
        total += mix_bits(_value_hashes(frame.iloc[:, place], key) ^ np.uint64(_digest(str(name), key)))
    return _key(total, key)


def _key(numbers: Hashes, key: bytes) -> Hashes:
    """Hash numbers by a keyed function that cannot be turned around, as adding and mixing could be."""
    raw, secret = numbers.astype("<u8").tobytes(), hashlib.sha256(key).digest()
    hashes = (hashlib.blake2b(raw[at : at + 8], digest_size=8, key=secret).digest() for at in range(0, len(raw), 8))
    return np.frombuffer(b"".join(hashes), dtype="<u8").astype(np.uint64)


def _value_hashes(column: pd.Series, key: bytes) -> Hashes:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub":
        values = column.to_numpy().astype(np.float64) + 0.0
        return np.where(np.isnan(values), np.nan, values).view(np.uint64)
    codes, levels = pd.factorize(column.astype(object).where(column.notna(), None), use_na_sentinel=True)
    texts = np.array([*(_digest(label_text(level), key) for level in levels), 0], dtype=np.uint64)
    return texts[codes]


def _digest(text: str, key: bytes) -> int:
    secret, content = hashlib.sha256(key).digest(), text.encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, key=secret).digest(), "little")


def fingerprint(hashes: Hashes) -> str:
    """Return the SHA-256 over sorted row hashes: equal for the same rows in any order."""
    return hashlib.sha256(np.sort(hashes).astype("<u8").tobytes()).hexdigest()


# --- packing --------------------------------------------------------------------------------------


def pack(
    predictions: Predictions, hashes: Hashes, *, most: int = MOST_ROWS, levels: int = MOST_LEVELS, key_name: str = ""
) -> Pairing:
    """Pack the answers to the evaluated rows.

    Parameters
    ----------
    predictions : Predictions
        Of the test rows.
    hashes : ndarray of shape (n,)
        Of the same rows; see :func:`row_hashes`.
    most : int
        Rows that are kept; of more, those with the smallest hashes, which is a random sample that every
        audit of these rows draws alike.
    levels : int
        Different scores, targets and weights that are kept at most; each stands for ``suppress_n`` rows or more.
    key_name : str
        Of the key that the rows were hashed with.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1, 1]),
    ...                       y_pred=np.array([0, 1, 0]), row=np.arange(3))
    >>> pairing = pack(answers, np.array([3, 1, 2], dtype=np.uint64))
    >>> unpack(pairing, "binary", ("no", "yes")).y_pred.tolist()
    [1, 0, 0]
    """
    order = np.argsort(hashes, kind="stable")[:most]
    part = predictions.take(order.astype(np.intp))
    least = max(part.settings.suppress_n, 1)
    pairing = Pairing(
        fingerprint=fingerprint(hashes),
        rows=len(hashes),
        kept=len(order),
        key=key_name,
        y_true=_packed_codes(part.y_true, len(part.classes)) if part.task != "regression" else "",
        y_pred=_packed_codes(part.y_pred, len(part.classes)) if part.task != "regression" else "",
        weight="" if part.weight is None else _pack(coarse(part.weight, least, levels).astype("<f4")),
        cluster="" if part.cluster is None else _packed_codes(_dense(part.cluster), len(part)),
        groups=tuple(_packed_group(name, factor) for name, factor in shown_groups(part).items()),
    )
    return _with_numbers(pairing, part, levels) if part.task == "regression" else _with_score(pairing, part, levels)


def coarse(values: npt.NDArray[np.float64], least: int, levels: int) -> npt.NDArray[np.float64]:
    """Return numbers as the means of neighbors, each mean that of `least` rows or more, and of at most `levels` kinds.

    Examples
    --------
    >>> coarse(np.array([1.0, 2.0, 3.0, 9.0, 9.0]), 2, 10).tolist()
    [1.5, 1.5, 7.0, 7.0, 7.0]
    """
    distinct, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    size = max(least, math.ceil(len(values) / max(levels, 1)))
    if not len(values) or (counts.min() >= least and len(distinct) <= levels):
        return values
    starts, held = [0], 0
    for at, count in enumerate(counts.tolist()):
        if held >= size:
            starts.append(at)
            held = 0
        held += count
    if held < least and len(starts) > 1:
        starts.pop()
    band = np.searchsorted(np.array(starts), np.arange(len(distinct)), side="right") - 1
    rows = band[place.reshape(-1)]
    means = np.bincount(rows, values) / np.maximum(np.bincount(rows), 1)
    return np.asarray(means[rows], dtype=np.float64)


def _dense(cluster: Factor) -> Codes:
    """Give clusters numbers in order of appearance; a row of no cluster is one of its own."""
    alone = cluster.codes < 0
    codes = np.where(alone, len(cluster.levels) + np.arange(len(cluster)), cluster.codes)
    return np.asarray(pd.factorize(codes)[0], dtype=np.int64)


def _with_score(pairing: Pairing, part: Predictions, levels: int) -> Pairing:
    score = part.y_score
    if score is None or not np.isfinite(score).all():
        return pairing
    columns = [score] if score.ndim == 1 else list(score.T)
    if len(columns) != (1 if part.task == "binary" else len(part.classes)):
        return pairing
    if len(columns) > 1 and score.size > MOST_SCORES:
        return pairing
    least = max(part.settings.suppress_n, 1)
    arrays = [_scale(column, probabilities=part.probabilities) for column in columns]
    ends = (-LOGIT_END, LOGIT_END) if part.probabilities else (0.0, None)
    steps = np.concatenate(
        [
            _in_steps(coarse(values, least, levels), ends[0], ends[1] or max(STEPS, values.max(initial=0)))
            for values in arrays
        ]
    )
    return replace(pairing, y_score=_pack(steps), score_scale="logit" if part.probabilities else "rank")


def _scale(score: npt.NDArray[np.float64], *, probabilities: bool) -> npt.NDArray[np.float64]:
    """Return the logit of a probability, the rank of another score."""
    if probabilities:
        with np.errstate(divide="ignore"):
            logit: npt.NDArray[np.float64] = np.clip(np.log(score) - np.log1p(-score), -LOGIT_END, LOGIT_END)
        return logit
    return np.unique(score, return_inverse=True)[1].reshape(-1).astype(np.float64)


def _with_numbers(pairing: Pairing, part: Predictions, levels: int) -> Pairing:
    true = part.y_true.astype(np.float64)
    error = part.y_pred.astype(np.float64) - true
    if not len(true) or not np.isfinite(error).all():
        return pairing
    true = coarse(true, max(part.settings.suppress_n, 1), levels)
    ranges = tuple(float(end) for values in (true, error) for end in (values.min(), values.max()))
    return replace(pairing, y_true=_steps(true, *ranges[:2]), y_pred=_steps(error, *ranges[2:]), ranges=ranges)


def _steps(values: npt.NDArray[np.float64], low: float, high: float) -> str:
    return _pack(_in_steps(values, low, high))


def _in_steps(values: npt.NDArray[np.float64], low: float, high: float) -> npt.NDArray[np.uint16]:
    share = (values - low) / (high - low) if high > low else np.zeros(len(values))
    return np.rint(share * STEPS).astype("<u2")


def _packed_codes(codes: npt.NDArray[np.generic], levels: int) -> str:
    kind = "<u1" if levels <= 255 else "<u2" if levels <= STEPS else "<u4"
    return _pack(codes.astype(kind))


def _pack(values: npt.NDArray[np.generic]) -> str:
    """Pack byte by byte, high bytes together, which compresses far better than value by value."""
    planes = values.view(np.uint8).reshape(len(values), -1).T if len(values) else np.zeros((1, 0), dtype=np.uint8)
    return base64.b64encode(zlib.compress(np.ascontiguousarray(planes).tobytes(), 6)).decode()


def _packed_group(name: str, factor: Factor) -> PairedGroups:
    codes = np.where(factor.codes < 0, len(factor.levels), factor.codes)
    return PairedGroups(feature=name, levels=factor.levels, codes=_packed_codes(codes, len(factor.levels) + 1))


def shown_groups(part: Predictions) -> Mapping[str, Factor]:
    """Return the sensitive features as far as they distinguish no more rows than the record's tables do.

    Levels that leave no trace are left out. Of the second feature, so are the levels whose crossing with the
    first leaves none; a further feature is kept only if all its crossings may be shown.

    Examples
    --------
    >>> keys = {"sex": Factor.of(["f", "m"] * 30), "race": Factor.of(["a"] * 20 + ["b"] * 35 + ["c"] * 5)}
    >>> y = np.zeros(60, dtype=np.int64)
    >>> rows = Predictions(task="binary", classes=("n", "y"), y_true=y, y_pred=y, keys=keys, sensitive=("sex", "race"))
    >>> {name: factor.counts().tolist() for name, factor in shown_groups(rows).items()}
    {'sex': [30, 30], 'race': [0, 35, 0]}
    """
    least = part.settings.suppress_n
    factors = {name: part.keys[name] for name in part.sensitive}
    hidden = part.settings.suppressed | groups_to_hide(factors, least, 2, [np.ones(len(part), dtype=np.int64)])
    cell = np.zeros(len(part), dtype=np.int64)
    table: dict[str, Factor] = {}
    for name in part.sensitive:
        factor = shown_levels(name, _of_many(factors[name], least), hidden)
        codes = factor.codes.astype(np.int64)
        for other, known in table.items():
            codes = _without_hidden(codes, (name, factor), (other, known), hidden, least)
        if len(table) > 1 and (codes != factors[name].codes).any():
            continue
        crossed = np.asarray(pd.factorize(cell * (len(factor.levels) + 1) + codes + 1)[0], dtype=np.int64)
        if len(crossed) and np.bincount(crossed).min() < min(least, len(part)):
            continue
        table[name], cell = Factor(codes=codes.astype(np.int32), levels=factor.levels), crossed
    return table


def _of_many(factor: Factor, least: int) -> Factor:
    """Leave out levels of too few rows."""
    few = np.flatnonzero(factor.counts() < least)
    codes = np.where(np.isin(factor.codes, few), MISSING, factor.codes).astype(np.int32)
    return Factor(codes=codes, levels=factor.levels)


def _without_hidden(
    codes: Codes, pair: tuple[str, Factor], other: tuple[str, Factor], hidden: frozenset[Address], least: int
) -> Codes:
    """Leave out the levels of a feature where their crossing with another feature's leaves no trace."""
    (name, factor), (second, known) = pair, other
    values = np.where(known.codes < 0, MISSING, codes)
    for level, label in enumerate(factor.levels):
        for code, word in enumerate(known.levels):
            both = (values == level) & (known.codes == code)
            if both.any() and (both.sum() < least or frozenset({(name, label), (second, word)}) in hidden):
                values = np.where(both, MISSING, values)
    return values


# --- unpacking ------------------------------------------------------------------------------------


def unpack(pairing: Pairing, task: Task, classes: tuple[str, ...], settings: Settings | None = None) -> Predictions:
    """Return the kept answers, in the order of the rows' hashes.

    Raises
    ------
    ConfigError
        If the packed columns are not what they should be.
    """
    n = pairing.kept
    if n > MOST_UNPACKED:
        raise ConfigError(f"a record claims to keep answers to {n:,} rows; at most {MOST_UNPACKED:,} are unpacked.")
    sensitive = {group.feature: _group(group, n) for group in pairing.groups}
    cluster = _codes(pairing.cluster, n, n) if pairing.cluster else None
    y_true, y_pred = _numbers(pairing, n) if task == "regression" else _labels(pairing, n, len(classes))
    return Predictions(
        task=task,
        y_true=y_true,
        y_pred=y_pred,
        y_score=_score(pairing, n, 1 if task == "binary" else len(classes)),
        probabilities=pairing.score_scale == "logit",
        classes=classes,
        weight=_unpack(pairing.weight, "<f4", n).astype(np.float64) if pairing.weight else None,
        cluster=None if cluster is None else Factor(codes=cluster.astype(np.int32), levels=tuple(map(str, range(n)))),
        keys={"split": Factor.constant("test", n), **sensitive},
        sensitive=tuple(sensitive),
        where={"split": "test"},
        row=np.arange(n),
        settings=settings or Settings(),
        score_reason="the record keeps no scores",
    )


def _labels(pairing: Pairing, n: int, classes: int) -> tuple[Codes, Codes]:
    return _codes(pairing.y_true, n, classes), _codes(pairing.y_pred, n, classes)


def _numbers(pairing: Pairing, n: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if len(pairing.ranges) != 4:
        raise ConfigError("the baseline's answers were not all numbers, so they cannot be paired.")
    low, high, least, most = pairing.ranges
    true = low + (high - low) * _shares(pairing.y_true, n)
    return true, true + least + (most - least) * _shares(pairing.y_pred, n)


def _score(pairing: Pairing, n: int, columns: int) -> npt.NDArray[np.float64] | None:
    if not pairing.score_scale:
        return None
    share = _shares(pairing.y_score, n * columns)
    if pairing.score_scale == "logit":
        share = np.asarray(1 / (1 + np.exp(LOGIT_END - 2 * LOGIT_END * share)), dtype=np.float64)
    if columns == 1:
        return share
    table = np.ascontiguousarray(share.reshape(columns, n).T)
    return np.asarray(table / table.sum(axis=1, keepdims=True)) if pairing.score_scale == "logit" else table


def _group(groups: PairedGroups, n: int) -> Factor:
    codes = _codes(groups.codes, n, len(groups.levels) + 1)
    return Factor(codes=np.where(codes == len(groups.levels), MISSING, codes).astype(np.int32), levels=groups.levels)


def _shares(text: str, n: int) -> npt.NDArray[np.float64]:
    """Return where each value stands between the ends of its range, 0 to 1."""
    return _unpack(text, "<u2", n).astype(np.float64) / STEPS


def _codes(text: str, n: int, levels: int) -> Codes:
    kind = "<u1" if levels <= 255 else "<u2" if levels <= STEPS else "<u4"
    codes = _unpack(text, kind, n).astype(np.int64)
    if len(codes) and codes.max() >= levels:
        raise ConfigError(f"a record's packed answers hold code {codes.max()}; expected codes under {levels}.")
    return codes


def _unpack(text: str, kind: str, n: int) -> npt.NDArray[np.generic]:
    size = np.dtype(kind).itemsize
    try:
        expander = zlib.decompressobj()
        raw = expander.decompress(base64.b64decode(text, validate=True), n * size + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ConfigError(f"a record's packed answers cannot be read: {error}. Run that audit again.") from error
    if len(raw) != n * size:
        raise ConfigError(f"a record's packed answers hold {len(raw)} bytes; expected {n * size} for {n} rows.")
    planes = np.frombuffer(raw, dtype=np.uint8).reshape(size, n)
    return np.ascontiguousarray(planes.T).view(np.dtype(kind)).reshape(n)
