"""Small tables with a planted gap, written as a project of ``audit.toml``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def table(rows: int, seed: int, *, gap: float = 0.8) -> pd.DataFrame:
    """Return rows of two groups whose score differs by `gap` standard deviations."""
    generator = np.random.default_rng(seed)
    sex = generator.choice(["f", "m"], rows, p=[0.4, 0.6])
    x, z = generator.normal(size=rows) + gap * (sex == "m"), generator.normal(size=rows)
    kind = generator.choice(["a", "b", "c"], rows)
    score = x + z + 0.5 * (kind == "a") + generator.normal(size=rows)
    return pd.DataFrame({"x": x, "z": z, "kind": kind, "sex": sex, "y": np.where(score > 0.8, "yes", "no"), "v": score})


def misled(rows: int, seed: int, *, gap: float = 0.8) -> pd.DataFrame:
    """Return rows in which outcomes of women are rarer than their columns say: scores mean something else by group."""
    frame = table(rows, seed, gap=gap)
    turned = (frame["sex"] == "f") & (frame["y"] == "yes") & (np.arange(rows) % 2 == 0)
    return frame.assign(y=frame["y"].mask(turned, "no"))


def pipeline(last: object) -> Pipeline:
    """Return a preprocessing of the table with an estimator at its end."""
    columns = make_column_transformer(
        (StandardScaler(), ["x", "z"]), (OneHotEncoder(handle_unknown="ignore"), ["kind"])
    )
    return make_pipeline(columns, last)


def project(
    folder: Path, *, gap: float = 0.8, rows: int = 1200, validation: bool = True, model: object = None,
    task: str = "binary", favorable: str = "yes", seed: int = 0, more: str = "",
) -> Path:  # fmt: skip
    """Write tables, model and ``audit.toml``; return the latter's path."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {name: table(rows, seed + place, gap=gap) for place, name in enumerate(("train", "validation", "test"))}
    target, other = ("v", "y") if task == "regression" else ("y", "v")
    for name, part in parts.items():
        part.drop(columns=other).to_csv(folder / f"{name}.csv", index=False)
    if model is None:
        model = LinearRegression() if task == "regression" else LogisticRegression()
    fitted = pipeline(model).fit(parts["train"][["x", "z", "kind"]], parts["train"][target])
    skops.io.dump(fitted, folder / "model.skops")
    lines = [
        '[model]\npath = "model.skops"\n[data]\ntrain = "train.csv"\ntest = "test.csv"\nsensitive = ["sex"]',
        f'target = "{target}"',
        'validation = "validation.csv"' if validation else "",
        f'task = "{task}"',
        f'positive = "yes"\nfavorable = "{favorable}"' if task == "binary" else "",
        more,
    ]
    path = folder / "audit.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
