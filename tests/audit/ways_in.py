"""Kinds of tables, labels and models that can be audited: made here, tested by `test_ways_in`, listed in the docs.

``python -m tests.audit.ways_in`` writes docs/what_can_be_audited.md.
"""

from __future__ import annotations

import gzip
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from audit.config.configuration import CsvTable

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "what_can_be_audited.md"
WORDS = ["region", "flag", "size", "kind"]
NUMBERS = ["income", "count"]


def rows(count: int, seed: int) -> pd.DataFrame:
    """Every kind of column: amounts, counts, words (one of them NA), digits beside words, truth values, categories."""
    rng = np.random.default_rng(seed)
    size = pd.Categorical(rng.choice(["small", "large"], count), categories=["small", "large"], ordered=True)
    return pd.DataFrame({
        "income": rng.normal(size=count).round(3),
        "count": rng.integers(0, 9, count),
        "region": rng.choice(["NA", "EU", "None"], count),
        "kind": rng.choice(["1", "2", "A"] if seed == 0 else ["1", "2"], count),
        "flag": rng.random(count) < 0.5,
        "size": size,
    })  # fmt: skip


def truth(frame: pd.DataFrame, seed: int, classes: int = 2) -> np.ndarray:
    """Return classes 0, 1 … that depend on every column."""
    pull = frame["income"] + 0.2 * frame["count"] + (frame["region"] == "NA") - (frame["kind"] == "2") + frame["flag"]
    noisy = pull.to_numpy() + np.random.default_rng(seed + 9).normal(size=len(frame))
    return np.searchsorted(np.quantile(noisy, np.linspace(0, 1, classes + 1)[1:-1]), noisy)


# --- labels ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """How the classes 0, 1 … are written, and which is positive."""

    words: tuple[object, ...]
    positive: object | None


LABELS: dict[str, Label] = {
    "0 and 1": Label(words=(0, 1), positive=None),
    "False and True": Label(words=(False, True), positive=1),
    "words": Label(words=("no", "yes"), positive="yes"),
    "words, the first positive": Label(words=("yes", "no"), positive="no"),
    "numbers of unequal length (9, 10)": Label(words=(9, 10), positive=10),
    "negative numbers (-2, -1)": Label(words=(-2, -1), positive=-1),
    "0 and 1, 0 positive": Label(words=(0, 1), positive=0),
    "digits as text": Label(words=("1", "2"), positive=2),
    "three classes": Label(words=("low", "middle", "high"), positive=None),
}


# --- models ---------------------------------------------------------------------------------------


class WithoutClasses:
    """Answers labels and probabilities and does not tell its classes."""

    def __init__(self, inner: Pipeline) -> None:
        self.inner = inner

    def predict(self, X: pd.DataFrame) -> object:
        return self.inner.predict(X)

    def predict_proba(self, X: pd.DataFrame) -> object:
        return self.inner.predict_proba(X)


class OneColumn(WithoutClasses):
    """Answers one column of single-precision probabilities, of its last class."""

    def __init__(self, inner: Pipeline) -> None:
        super().__init__(inner)
        self.classes_ = inner.classes_

    def predict_proba(self, X: pd.DataFrame) -> object:
        return self.inner.predict_proba(X)[:, 1].astype(np.float32) * np.float32(1 + 1e-7)


class LabelsAlone:
    """Answers labels and nothing else."""

    def __init__(self, inner: Pipeline) -> None:
        self.inner = inner

    def predict(self, X: pd.DataFrame) -> object:
        return self.inner.predict(X)


def _plain(last: object) -> Pipeline:
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(make_column_transformer((encoder, WORDS), ("passthrough", NUMBERS)), last)


def _fitted(last: object, X: pd.DataFrame, y: np.ndarray) -> Pipeline:
    return _plain(last).fit(X, y)


def _members() -> list[tuple[str, Pipeline]]:
    return [("lines", _plain(LogisticRegression(max_iter=500))), ("bayes", _plain(GaussianNB()))]


def _routed(X: pd.DataFrame, y: np.ndarray) -> object:
    with config_context(enable_metadata_routing=True):
        last = LogisticRegression(max_iter=500).set_fit_request(sample_weight=True)
        return _plain(last).fit(X, y, sample_weight=np.linspace(0.5, 2, len(y)))


def categories(X: pd.DataFrame) -> pd.DataFrame:
    """Give the columns of words the categories of all tables here."""
    known = {"region": ["EU", "NA", "None"], "kind": ["1", "2", "A"], "size": ["large", "small"]}
    return X.assign(**{name: pd.Categorical(X[name].astype(str), categories=levels) for name, levels in known.items()})


def _boosted(library: str, X: pd.DataFrame, y: np.ndarray) -> object:
    boosting: Any = importlib.import_module(library)
    if library == "lightgbm":
        return boosting.LGBMClassifier(n_estimators=12, n_jobs=1, verbose=-1).fit(categories(X), y)
    quiet = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
    return boosting.CatBoostClassifier(iterations=12, cat_features=["region", "kind", "size"], **quiet).fit(
        categories(X), y
    )


MODELS: dict[str, Callable[[pd.DataFrame, np.ndarray], object]] = {
    "scikit-learn with probabilities": lambda X, y: _fitted(LogisticRegression(max_iter=500), X, y),
    "scikit-learn with margins": lambda X, y: _fitted(LinearSVC(), X, y),
    "any object with predict and predict_proba": lambda X, y: WithoutClasses(
        _fitted(LogisticRegression(max_iter=500), X, y)
    ),
    "one column of probabilities, single precision": lambda X, y: OneColumn(
        _fitted(LogisticRegression(max_iter=500), X, y)
    ),
    "any object with predict alone": lambda X, y: LabelsAlone(_fitted(LogisticRegression(max_iter=500), X, y)),
    "calibrated (CalibratedClassifierCV)": lambda X, y: CalibratedClassifierCV(_plain(LinearSVC()), cv=2).fit(X, y),
    "stacked (StackingClassifier)": lambda X, y: StackingClassifier(_members(), cv=2).fit(X, y),
    "voting by labels (VotingClassifier)": lambda X, y: VotingClassifier(_members()).fit(X, y),
    "voting by probabilities": lambda X, y: VotingClassifier(_members(), voting="soft").fit(X, y),
    "searched (GridSearchCV)": lambda X, y: GridSearchCV(
        _plain(LogisticRegression(max_iter=500)), {"logisticregression__C": [0.1, 1.0]}, cv=2
    ).fit(X, y),
    "one against the rest": lambda X, y: _fitted(OneVsRestClassifier(LogisticRegression(max_iter=500)), X, y),
    "steps that hand on frames (set_output)": lambda X, y: (
        _plain(LogisticRegression(max_iter=500)).set_output(transform="pandas").fit(X, y)
    ),
    "metadata routing": lambda X, y: _routed(X, y),
    "a tuned threshold (TunedThresholdClassifierCV)": lambda X, y: TunedThresholdClassifierCV(
        _plain(LogisticRegression(max_iter=500)), cv=2
    ).fit(X, y),
    "a fixed threshold (FixedThresholdClassifier)": lambda X, y: FixedThresholdClassifier(
        _plain(LogisticRegression(max_iter=500)), threshold=0.3, pos_label=max(y.tolist())
    ).fit(X, y),
    "LightGBM": lambda X, y: _boosted("lightgbm", X, y),
    "CatBoost": lambda X, y: _boosted("catboost", X, y),
}
LIBRARIES = {"LightGBM": "lightgbm", "CatBoost": "catboost"}
"""Packages of models that are not scikit-learn's."""
TWO_CLASSES = {"one column of probabilities, single precision"} | {name for name in MODELS if "threshold" in name}
"""Kinds of models that are for two classes."""


# --- tables ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """How a table is written, and what ``[data]`` must say of it."""

    name: str
    write: Callable[[pd.DataFrame, Path], object]
    said: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    needs: str = ""


def _write_duckdb(frame: pd.DataFrame, path: Path) -> None:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.register("given", frame.astype({"size": str}))
        connection.execute('CREATE TABLE "my rows" AS SELECT * FROM given')


def _write_parts(frame: pd.DataFrame, path: Path) -> None:
    half = len(frame) // 2
    for number, part in enumerate((frame.iloc[:half], frame.iloc[half:])):
        part.to_parquet(path.with_name(path.name.replace("*", str(number))))


def _indexed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index(pd.Index(np.arange(len(frame)) + 1000, name="person"))


FILES: dict[str, FileKind] = {
    "CSV": FileKind(name="t.csv", write=lambda f, p: f.to_csv(p, index=False)),
    "CSV with the index of pandas": FileKind(
        name="t.csv", write=lambda f, p: f.to_csv(p), note="`Unnamed: 0` is not a feature",
    ),
    "CSV in capitals, with a byte order mark": FileKind(
        name="T.CSV", write=lambda f, p: f.to_csv(p, index=False, encoding="utf-8-sig"),
    ),
    "CSV with semicolons and decimal commas": FileKind(
        name="t.csv", write=lambda f, p: f.to_csv(p, index=False, sep=";", decimal=","),
        said={"csv": CsvTable(separator=";", decimal=",")}, note='`[data.csv] separator = ";"`, `decimal = ","`',
    ),
    "CSV in another encoding": FileKind(
        name="t.csv", write=lambda f, p: f.to_csv(p, index=False, encoding="utf-16"),
        said={"csv": CsvTable(encoding="utf-16")}, note='`[data.csv] encoding = "utf-16"`, `"latin-1"` …',
    ),
    "TSV": FileKind(name="t.tsv", write=lambda f, p: f.to_csv(p, index=False, sep="\t")),
    "CSV, compressed": FileKind(
        name="t.csv.gz", write=lambda f, p: p.write_bytes(gzip.compress(f.to_csv(index=False).encode())),
        note="`.gz`, `.bz2`, `.xz`, `.zip`, and `.zst` with zstandard",
    ),
    "CSV in a zip archive": FileKind(name="t.csv.zip", write=lambda f, p: f.to_csv(p, index=False)),
    "Parquet": FileKind(
        name="t.parquet", write=lambda f, p: f.to_parquet(p, index=False), note="categories keep their order (pyarrow)",
    ),
    "Parquet with an index of rows": FileKind(
        name="t.parquet", write=lambda f, p: _indexed(f).to_parquet(p), note="the index is not a feature",
    ),
    "Parquet in several files": FileKind(
        name="part-*.parquet", write=_write_parts, note="a pattern, in order of names",
    ),
    "Feather and Arrow": FileKind(name="t.feather", write=lambda f, p: f.to_feather(p), note="with pyarrow"),
    "a table of a DuckDB file": FileKind(
        name="t.duckdb", write=_write_duckdb, note='`"t.duckdb::table"`, or `[data] table`',
    ),
}  # fmt: skip


def _arrow(frame: pd.DataFrame) -> Any:  # noqa: ANN401
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def _polars(frame: pd.DataFrame) -> Any:  # noqa: ANN401
    pl: Any = pytest.importorskip("polars", reason="polars is not installed")

    return pl.from_arrow(_arrow(frame))


FRAMES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "pandas with nullable types": lambda frame: frame.convert_dtypes(),
    "pandas with types of Arrow": lambda frame: (
        frame.drop(columns="size").convert_dtypes(dtype_backend="pyarrow").join(frame["size"])
    ),
    "pandas with row labels in any order": lambda frame: frame.sample(frac=1, random_state=0),
    "polars": _polars,
    "polars, lazy": lambda frame: _polars(frame).lazy(),
    "pyarrow": _arrow,
    "a mapping of name to column": lambda frame: {name: frame[name].to_numpy() for name in frame.columns},
}  # fmt: skip


# --- the page -------------------------------------------------------------------------------------

HEAD = """\
# What can be audited

This page is written by `python -m tests.audit.ways_in` from the test that holds it: every kind of table below is
audited with every kind of label, and every label with every kind of model; accuracy and ROC AUC are what scikit-learn
computes on the same rows.
"""

ORDER = """\
A model without `classes_` is taken to order its scores as scikit-learn sorts the target's values. If its labels
contradict that, or it gives one column and the positive class is not the last, it must declare its classes.
"""

REST = """\
## What a file cannot say

Delimited files hold text. The columns of all splits are typed together: numbers where every word of every split is a
number, otherwise words; `007` beside `A12` stays `007`. What an encoder of the model learned as words is read as
words.

- Only the empty field is missing in a column of words. Columns of numbers or truth values also take `NA`, `null`, `nan`
  and the like for missing; the record counts them by column (`data.read_as_missing`).
- `[data] missing = ["?", "-999"]` names further words, for all columns.
- `[data] text = ["zip"]` and `number = ["code"]` say what a column holds.
- `[data] labels = { "1" = "good", "2" = "bad" }` says which label of the table is which of the model.
- `[data.csv] thousands = "."` names the separator between every three digits.
- Splits that disagree in kind, labels that do not match, groups that differ only in case or blanks or look alike, a
  decimal comma, thousands or an encoding that was not declared: refused, with the column or the file and the line to
  write.

Columns of lists, records, bytes and durations are left out, and the record says so; a model that reads one is refused.
Times with a zone are held in UTC. Series in another row order are brought into order by label, or refused.

## Bounds

A compressed file may decompress to 256 MiB, or to a hundred times its size where that is more, and to 8 GiB at most. A
table may have 100,000 columns and 1,000,000,000 values, an image 100,000 values (once it is resized, where the
model states a size). Broken files end in one line and exit code 2.
"""


def page() -> str:
    """Return the page."""
    lines = [HEAD, "## Tables from files", "", "| table | how |", "| --- | --- |"]
    lines += [f"| {name} | {kind.note or f'`{kind.name}`'} |" for name, kind in FILES.items()]
    lines += ["| NumPy archive | `.npz` with an array `X` and columns beside it |"]
    lines += ['| folder of images | `<label>/<image>`, with `modality = "image"` |']
    lines += ["", "## Tables from Python", ""]
    lines += [f"- {name}" for name in FRAMES] + ["- NumPy arrays and sparse matrices of SciPy, as `X` and `y`"]
    lines += ["", "## Labels", ""] + [f"- {name}" for name in LABELS]
    lines += ["", "## Models", ""] + [f"- {name}" for name in MODELS]
    return "\n".join([*lines, "", ORDER, REST])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
