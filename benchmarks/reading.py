"""The six audits of docs/reading_test.md: ``python -m benchmarks.reading FOLDER`` draws their first screens.

The tables lie in the folder that ``MODELASSAY_DATA`` names. Each model is plain scikit-learn, made to be audited and
not to be used; each recipe is whole, so that a test can hold what the page says against the record.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import modelassay as ma
from benchmarks.defects.tables import data_folder
from reports import html
from reports.record import AuditRecord

COMPAS = ("sex", "age", "race", "juv_fel_count", "juv_misd_count", "priors_count", "c_charge_degree", "two_year_recid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A table, a model to fit, and what the columns are."""

    train: pd.DataFrame
    test: pd.DataFrame
    model: ClassifierMixin
    roles: Mapping[str, object] = field(default_factory=dict)


def _linear() -> ClassifierMixin:
    numbers = make_column_selector(dtype_include="number")
    words = make_column_selector(dtype_exclude="number")
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((StandardScaler(), numbers), (encoder, words))
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def _split(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    train, test = train_test_split(frame, test_size=0.3, random_state=0)
    return {"train": train.reset_index(drop=True), "test": test.reset_index(drop=True)}


def adult(folder: Path) -> Audit:
    """Income of adults in 1994."""
    frames = {
        split: pd.read_csv(folder / "adult" / f"adult_{split}.csv").drop(columns=["fnlwgt", "education"])
        for split in ("train", "test")
    }
    roles = {"target": "income", "positive": ">50K", "favorable": ">50K", "sensitive": ["sex", "race"],
             "names": {"sex": {"Female": "women", "Male": "men"}}}  # fmt: skip
    return Audit(**frames, model=_linear(), roles=roles)


def compas(folder: Path) -> Audit:
    """Rearrest within two years."""
    frame = pd.read_csv(folder / "compas" / "compas_two_years.csv")[[*COMPAS]]
    roles = {"target": "two_year_recid", "positive": 1, "favorable": 0, "sensitive": ["sex", "race"],
             "names": {"two_year_recid": {1: "rearrested", 0: "not rearrested"}}}  # fmt: skip
    return Audit(**_split(frame), model=_linear(), roles=roles)


def german_credit(folder: Path) -> Audit:
    """Credit of 1,000 applicants."""
    frame = pd.read_csv(folder / "german_credit" / "german_credit.csv")
    frame["sex"] = np.where(frame["personal_status"] == "A92", "female", "male")
    frame["credit"] = frame["credit"].map({1: "good", 2: "bad"})
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    words = make_column_transformer((encoder, make_column_selector(dtype_exclude="number")), remainder="passthrough")
    model = make_pipeline(words, RandomForestClassifier(200, random_state=0))
    roles = {"target": "credit", "positive": "bad", "favorable": "good", "sensitive": ["sex", "foreign_worker"]}
    return Audit(**_split(frame), model=model, roles=roles)


def acs_sample(folder: Path) -> Audit:
    """High income, one in eleven."""
    files = {split: folder / "acs_sample" / f"acs_sample_{split}.parquet" for split in ("train", "test")}
    frames = {split: pd.read_parquet(file) for split, file in files.items()}
    names = {"PINCP": {1: "high income", 0: "lower income"}, "SEX": {1: "men", 2: "women"},
             "RAC1P": {1: "White people", 2: "Black people"}}  # fmt: skip
    roles = {"target": "PINCP", "positive": 1, "favorable": 1, "sensitive": ["SEX", "RAC1P"], "names": names}
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0)
    return Audit(train=frames["train"][:20_000], test=frames["test"], model=model, roles=roles)


def heart(folder: Path) -> Audit:
    """Heart disease of 297 patients without missing values."""
    frame = pd.read_csv(folder / "heart_cleveland" / "heart_cleveland.csv", na_values="?").dropna()
    frame["num"] = (frame["num"] > 0).astype(int)
    names = {"num": {1: "disease", 0: "no disease"}, "sex": {1: "men", 0: "women"}}
    roles = {"target": "num", "positive": 1, "sensitive": ["sex"], "names": names}
    return Audit(**_split(frame), model=_linear(), roles=roles)


def sms(folder: Path) -> Audit:
    """Spam among short messages, extra copies left out."""
    frame = pd.read_csv(folder / "sms_spam" / "sms_spam.csv").drop_duplicates()
    words = make_column_transformer((TfidfVectorizer(max_features=3000), "text"))
    model = make_pipeline(words, LogisticRegression(max_iter=1000))
    return Audit(**_split(frame), model=model, roles={"target": "label", "positive": "spam", "text": ["text"]})


TABLES: Mapping[str, Callable[[Path], Audit]] = {
    "adult": adult, "compas": compas, "german_credit": german_credit, "acs_sample": acs_sample, "heart": heart,
    "sms": sms,
}  # fmt: skip


def audited(name: str, folder: Path) -> AuditRecord:
    """Fit the model of a table and audit it with all checks."""
    one = TABLES[name](folder)
    target = str(one.roles["target"])
    model = one.model.fit(one.train.drop(columns=target), one.train[target])
    return ma.run(model, test=one.test, train=one.train, **one.roles)  # type: ignore[arg-type]


def main() -> None:
    """Write the first screens of all audits into a folder."""
    folder = data_folder()
    if folder is None or len(sys.argv) != 2:
        raise SystemExit("python -m benchmarks.reading FOLDER, with MODELASSAY_DATA set")
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        record = audited(name, folder)
        (out / f"{name}.html").write_text(html.first_screen(record), encoding="utf-8")
        record.save(out / f"{name}.json")


if __name__ == "__main__":
    main()
