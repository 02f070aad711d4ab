"""Defects of data, leakage and drift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.defects.plant import Defect, Rng, Strength, copied, pick
from benchmarks.defects.tables import Table


def _emptied(column: pd.Series, rows: np.ndarray) -> pd.Series:
    kept = column.astype("float64") if pd.api.types.is_numeric_dtype(column) else column.astype(object)
    return kept.mask(rows)


def missing(table: Table, strength: Strength, rng: Rng) -> Table:
    """Empty a feature at random in both splits."""
    name = str(rng.choice(table.features))
    share = pick(strength, 0.4, 0.3)
    frames = [frame.assign(**{name: _emptied(frame[name], rng.random(len(frame)) < share)}) for frame in _both(table)]
    return table.with_frames(*frames)


def missing_in_group(table: Table, strength: Strength, rng: Rng) -> Table:
    """Empty a feature in one group of the training rows."""
    group = table.roles.sensitive[0]
    level = table.train[group].value_counts().index[-1]
    name = str(rng.choice([one for one in table.features if one != group]))
    rows = (table.train[group] == level).to_numpy() & (rng.random(len(table.train)) < pick(strength, 0.3, 0.18))
    return table.with_frames(table.train.assign(**{name: _emptied(table.train[name], rows)}))


def duplicates(table: Table, strength: Strength, rng: Rng) -> Table:
    """Append copies of training rows."""
    again = table.train.iloc[copied(table, pick(strength, 0.1, 0.03), rng)]
    return table.with_frames(pd.concat([table.train, again]))


def conflicts(table: Table, strength: Strength, rng: Rng) -> Table:
    """Append copies of training rows with the other label."""
    again = table.train.iloc[copied(table, pick(strength, 0.05, 0.015), rng)].copy()
    again[table.target] = _flipped(again[table.target], table)
    return table.with_frames(pd.concat([table.train, again]))


def _flipped(labels: pd.Series, table: Table) -> pd.Series:
    first, second = sorted(table.train[table.target].unique(), key=str)
    return labels.map({first: second, second: first})


def _both(table: Table) -> list[pd.DataFrame]:
    return [table.train, table.test]


def constant(table: Table, strength: Strength, rng: Rng) -> Table:
    """Add a feature with one value, or one that a row in several thousand does not share."""
    frames = [frame.assign(batch="a") for frame in _both(table)]
    if strength == "moderate" and len(frames[0]) > 2000:
        frames[0].loc[rng.integers(len(frames[0])), "batch"] = "b"
    return table.with_frames(*frames)


def identifier(table: Table, strength: Strength, rng: Rng) -> Table:
    """Add a serial number, or codes of which a few repeat."""
    sizes = len(table.train), len(table.test)
    codes = rng.permutation(sum(sizes) * 3)[: sum(sizes)]
    if strength == "moderate":
        twice = rng.random(len(codes)) < 0.003
        codes[twice] = codes[0]
    values = pd.Series(codes) if strength == "clear" else pd.Series(codes).map(lambda code: f"K-{code:07d}")
    return table.with_frames(
        table.train.assign(case=values.iloc[: sizes[0]].to_numpy()),
        table.test.assign(case=values.iloc[sizes[0] :].to_numpy()),
    )


def imbalance(table: Table, strength: Strength, rng: Rng) -> Table:
    """Thin the positive class out in both splits."""
    frames = []
    for frame in _both(table):
        positive = (frame[table.target] == table.train[table.target].value_counts().index[-1]).to_numpy()
        share = pick(strength, 0.02, 0.03)
        kept = max(3, round(share * (~positive).sum() / (1 - share)))
        chosen = np.concatenate([np.flatnonzero(~positive), rng.choice(np.flatnonzero(positive), kept, replace=False)])
        frames.append(frame.iloc[np.sort(chosen)])
    return table.with_frames(*frames)


def thin(table: Table, strength: Strength, rng: Rng) -> Table | None:
    """Thin the largest group of the test rows out."""
    group = table.roles.sensitive[0]
    counts = table.test[group].value_counts()
    keep = int(pick(strength, 30, 80))
    if counts.iloc[0] <= keep:
        return None
    rows = (table.test[group] == counts.index[0]).to_numpy()
    chosen = np.concatenate([np.flatnonzero(~rows), rng.choice(np.flatnonzero(rows), keep, replace=False)])
    return table.with_frames(test=table.test.iloc[np.sort(chosen)])


def label_rates(table: Table, strength: Strength, rng: Rng) -> Table:
    """Turn positive labels of a group negative until its rate is low beside the other's."""
    group = table.roles.sensitive[0]
    frame = table.train.copy()
    positive = table.roles.positive if table.roles.positive is not None else 1
    negative = next(value for value in frame[table.target].unique() if value != positive)
    # Start from equal rates, so that the planted ratio is the true one.
    frame[table.target] = rng.permutation(frame[table.target].to_numpy())
    level = frame[group].value_counts().index[1]
    lost = (frame[group] == level) & (frame[table.target] == positive)
    lost &= rng.random(len(frame)) > pick(strength, 0.35, 0.6)
    frame.loc[lost, table.target] = negative
    return table.with_frames(frame)


def proxy(table: Table, strength: Strength, rng: Rng) -> Table:
    """Add a number that all but tells the first sensitive feature."""
    group = table.roles.sensitive[0]
    level = table.train[group].value_counts().index[0]
    shift = pick(strength, 4.5, 2.6)
    frames = [
        frame.assign(zone=(frame[group] == level) * shift + rng.normal(size=len(frame))) for frame in _both(table)
    ]
    return table.with_frames(*frames)


def unseen(table: Table, strength: Strength, rng: Rng) -> Table | None:
    """Write a new category into test rows."""
    words = [one for one in table.features if not pd.api.types.is_numeric_dtype(table.train[one])]
    if not words:
        return None
    name = str(rng.choice(words))
    column = table.test[name].astype(object).mask(rng.random(len(table.test)) < pick(strength, 0.1, 0.05), "Zz-new")
    return table.with_frames(test=table.test.assign(**{name: column}))


def newly_missing(table: Table, strength: Strength, rng: Rng) -> Table:
    """Empty test values of a feature that training never misses."""
    name = str(rng.choice([one for one in table.features if not table.train[one].isna().any()]))
    column = _emptied(table.test[name], rng.random(len(table.test)) < pick(strength, 0.1, 0.05))
    return table.with_frames(test=table.test.assign(**{name: column}))


def wrong_labels(table: Table, strength: Strength, rng: Rng) -> Table | None:
    """Flip labels of training rows at random; tables whose classes overlap everywhere cannot show it."""
    if table.name in ("compas", "heart", "german"):
        return None
    flip = rng.random(len(table.train)) < pick(strength, 0.2, 0.12)
    labels = table.train[table.target].where(~flip, _flipped(table.train[table.target], table))
    return table.with_frames(table.train.assign(**{table.target: labels}))


def out_of_range(table: Table, strength: Strength, rng: Rng) -> Table | None:
    """Multiply a number of some test rows beyond the range of training."""
    names = table.numeric()
    if not names:
        return None
    name = str(rng.choice(names))
    wild = rng.random(len(table.test)) < pick(strength, 0.15, 0.06)
    top = float(table.train[name].max())
    far = top + (abs(top) + 1) * (1 + rng.random(len(table.test)))
    values = np.where(wild, far, table.test[name].to_numpy(dtype=np.float64))
    return table.with_frames(test=table.test.assign(**{name: values}))


def overlap(table: Table, strength: Strength, rng: Rng) -> Table:
    """Copy test rows into training."""
    rows = copied(table, pick(strength, 0.15, 0.04), rng, "test")
    return table.with_frames(pd.concat([table.train, table.test.iloc[rows]]))


def target_leak(table: Table, strength: Strength, rng: Rng) -> Table:
    """Add the answer under another name, exactly or with a little noise."""
    frames = []
    for frame in _both(table):
        code = (frame[table.target] == table.train[table.target].iloc[0]).to_numpy() * 1.0
        noise = rng.normal(size=len(frame)) * (0.0 if strength == "clear" else 0.22)
        frames.append(frame.assign(outcome_code=code + noise))
    return table.with_frames(*frames)


def shared_clusters(table: Table, strength: Strength, rng: Rng) -> Table:
    """Declare a person column of which some stand on both sides."""
    train, test = np.arange(len(table.train)) // 3, np.arange(len(table.test)) // 3 + 10**6
    rows = copied(table, pick(strength, 0.2, 0.01), rng, "test")
    test[rows] = rng.choice(train, len(rows))
    made = table.with_frames(table.train.assign(person=train), table.test.assign(person=test))
    return replace(made, roles=replace(made.roles, cluster="person"))


def later_training(table: Table, strength: Strength, rng: Rng) -> Table:
    """Declare a day column; some training rows are later than the first test row."""
    train = rng.integers(0, 1000, len(table.train))
    test = rng.integers(1000, 1400, len(table.test))
    train[copied(table, pick(strength, 0.3, 0.01), rng)] = 1399
    test[0] = 1000
    start = pd.Timestamp("2020-01-01")
    dates = [pd.Series(start + pd.to_timedelta(days, unit="D")).dt.strftime("%Y-%m-%d") for days in (train, test)]
    made = table.with_frames(table.train.assign(day=dates[0].to_numpy()), table.test.assign(day=dates[1].to_numpy()))
    return replace(made, roles=replace(made.roles, time="day"))


def near_copies(table: Table, strength: Strength, rng: Rng) -> Table | None:
    """Put slightly changed copies of training rows among the test rows."""
    names = table.numeric(5)
    if len(names) < 2:
        return None
    size = max(3, round(pick(strength, 0.1, 0.04) * len(table.test)))
    chosen = table.train.iloc[rng.choice(len(table.train), size, replace=False)].copy()
    for name in names:
        spread = float(table.train[name].std())
        chosen[name] = chosen[name] + rng.normal(size=size) * spread * 0.004
    return table.with_frames(test=pd.concat([table.test, chosen]))


def feature_drift(table: Table, strength: Strength, rng: Rng) -> Table | None:
    """Move a number of all test rows."""
    names = table.numeric(20)
    if not names:
        return None
    name = names[0]
    spread = float(table.train[name].std())
    step = spread * pick(strength, 1.2, 0.85) * (1 if rng.random() < 0.5 else -1)
    return table.with_frames(test=table.test.assign(**{name: table.test[name] + step}))


def label_shift(table: Table, strength: Strength, rng: Rng) -> Table:
    """Leave rows of the larger class out of the test."""
    frame = table.test
    large = (frame[table.target] == frame[table.target].value_counts().index[0]).to_numpy()
    wanted = large.mean() - pick(strength, 0.25, 0.13)
    kept = round((~large).sum() * wanted / (1 - wanted))
    chosen = np.concatenate([np.flatnonzero(~large), rng.choice(np.flatnonzero(large), kept, replace=False)])
    return table.with_frames(test=frame.iloc[np.sort(chosen)])


def joint_drift(table: Table, strength: Strength, rng: Rng) -> Table | None:
    """Move several numbers of the test rows a little, up or down."""
    sign = float(rng.choice([-1, 1]))
    names = table.numeric(20)[: 3 if strength == "clear" else 2]
    if len(names) < 2:
        return None
    moved = {name: table.test[name] + sign * 0.7 * float(table.train[name].std()) for name in names}
    return table.with_frames(test=table.test.assign(**moved))


DEFECTS = (
    Defect(code="DATA001", check="missing_values", plant=missing, what="missing at random"),
    Defect(code="DATA001", check="missing_values", plant=missing_in_group, what="missing in a group"),
    Defect(code="DATA002", check="duplicate_rows", plant=duplicates, what="copies of rows"),
    Defect(code="DATA003", check="conflicting_labels", plant=conflicts, what="copies with the other label"),
    Defect(code="DATA004", check="constant_feature", plant=constant, what="constant feature"),
    Defect(code="DATA005", check="identifier_feature", plant=identifier, what="serial number"),
    Defect(code="DATA006", check="class_imbalance", plant=imbalance, what="rare class"),
    Defect(code="DATA007", check="thin_group", plant=thin, what="thin group"),
    Defect(code="DATA008", check="label_rate", plant=label_rates, what="label rates by group"),
    Defect(code="DATA009", check="proxy_feature", plant=proxy, what="proxy"),
    Defect(code="DATA010", check="unseen_category", plant=unseen, what="new category"),
    Defect(code="DATA010", check="unseen_category", plant=newly_missing, what="newly missing"),
    Defect(code="DATA011", check="label_errors", plant=wrong_labels, what="flipped labels"),
    Defect(code="DATA012", check="out_of_range", plant=out_of_range, what="out of range"),
    Defect(code="LEAK001", check="train_test_overlap", plant=overlap, what="test rows in training"),
    Defect(code="LEAK002", check="target_leakage", plant=target_leak, what="the answer as a feature"),
    Defect(code="LEAK003", check="cluster_overlap", plant=shared_clusters, what="person on both sides"),
    Defect(code="LEAK004", check="time_overlap", plant=later_training, what="training after the test"),
    Defect(code="LEAK005", check="near_duplicates", plant=near_copies, what="near copies"),
    Defect(code="DRIFT001", check="feature_drift", plant=feature_drift, what="a number moved"),
    Defect(code="DRIFT002", check="label_shift", plant=label_shift, what="class shares moved"),
    Defect(code="DRIFT003", check="multivariate_drift", plant=joint_drift, what="several numbers moved"),
)
