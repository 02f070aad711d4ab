"""Published figures of AIF360's reweighing, made again; AIF360 and this package side by side on the same rows.

``python -m benchmarks.mitigation_published``; the second part needs ``pip install aif360 BlackBoxAuditing``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audit.data.dataset import Roles, build
from audit.errors import AuditError
from audit.evidence import Settings
from audit.integrations.mitigation import mitigate
from audit.mitigation.bench import Bench
from audit.mitigation.candidates import cell_weights
from audit.mitigation.constraints import constraint
from audit.mitigation.preparation import prepare
from audit.mitigation.sealed import MitigatedClassifier
from audit.models.load import wrap
from benchmarks.defects.tables import data_folder

FloatArray = npt.NDArray[np.float64]
SEEDS = (1, 2, 3, 4, 5)
"""The first is that of AIF360's notebook."""


class Figures(NamedTuple):
    """What AIF360's notebook tells of test rows."""

    balanced_accuracy: float
    disparate_impact: float
    average_odds: float


PUBLISHED = {
    ("Adult", "sex"): (Figures(0.7417, 0.2774, -0.3281), Figures(0.7128, 0.7625, -0.0266)),
    ("Adult", "race"): (Figures(0.7417, 0.4423, -0.1991), Figures(0.7443, 0.7430, -0.0395)),
    ("German credit", "sex"): (Figures(0.6524, 0.9948, 0.0071), Figures(0.6460, 1.0852, 0.0550)),
    ("German credit", "age"): (Figures(0.6524, 0.3824, -0.3278), Figures(0.6460, 0.5735, -0.1944)),
    ("COMPAS", "sex"): (Figures(0.6774, 0.6631, -0.2439), Figures(0.6562, 0.8342, -0.0946)),
    ("COMPAS", "race"): (Figures(0.6774, 0.6600, -0.1927), Figures(0.6342, 1.1062, 0.1042)),
}
"""Before and after reweighing: "Summary of Results" of ``examples/demo_reweighing_preproc.ipynb`` of AIF360."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A table as AIF360 codes it for the notebook: every column 0 or 1, ``y`` the favorable outcome."""

    name: str
    frame: pd.DataFrame
    sensitive: tuple[str, str]

    @property
    def features(self) -> list[str]:
        """Names of the columns that the model reads."""
        return [name for name in self.frame.columns if name != "y"]

    def parts(self, seed: int) -> dict[str, pd.DataFrame]:
        """Draw train, validation and test rows as the notebook does: 70, 15 and 15 %."""
        generator = np.random.RandomState(seed)
        order = generator.permutation(len(self.frame))
        train, rest = order[: int(0.7 * len(order))], order[int(0.7 * len(order)) :]
        rest = rest[generator.permutation(len(rest))]
        half = int(0.5 * len(rest))
        rows = {"train": train, "validation": rest[:half], "test": rest[half:]}
        return {name: self.frame.iloc[part].reset_index(drop=True) for name, part in rows.items()}


def coded_tables() -> Iterator[Coded]:
    """Yield Adult, German credit and COMPAS; none where the folder of real tables is missing."""
    folder = data_folder()
    if folder is not None:
        yield Coded(name="Adult", frame=_adult(folder), sensitive=("sex", "race"))
        yield Coded(name="German credit", frame=_german(folder), sensitive=("sex", "age"))
        yield Coded(name="COMPAS", frame=_compas(folder), sensitive=("sex", "race"))


def _coded(words: dict[str, pd.Series], numbers: dict[str, pd.Series]) -> pd.DataFrame:
    frame = pd.get_dummies(pd.DataFrame(words)).assign(**numbers).astype(np.float64)
    return frame.rename(columns=lambda name: str(name).replace("<", "under ")).reset_index(drop=True)


def _adult(folder: Path) -> pd.DataFrame:
    raw = pd.concat([pd.read_csv(folder / "adult" / f"adult_{name}.csv") for name in ("train", "test")])
    decade, years = raw["age"] // 10 * 10, raw["education_num"]
    return _coded(
        {"age": decade.clip(upper=70).astype(str), "education": years.clip(5, 13).astype(str)},
        {"sex": raw["sex"] == "Male", "race": raw["race"] == "White", "y": raw["income"] == ">50K"},
    )


def _german(folder: Path) -> pd.DataFrame:
    raw = pd.read_csv(folder / "german_credit" / "german_credit.csv")
    history = {"A30": "none", "A31": "none", "A32": "none", "A33": "delay", "A34": "other"}
    savings = {"A61": "under 500", "A62": "under 500", "A63": "500 and over", "A64": "500 and over", "A65": "unknown"}
    work = {"A71": "none", "A72": "under 4 years", "A73": "under 4 years", "A74": "4 and over", "A75": "4 and over"}
    return _coded(
        {
            "history": raw["credit_history"].map(history),
            "savings": raw["savings"].map(savings),
            "employment": raw["employment"].map(work),
        },
        {"sex": raw["personal_status"] != "A92", "age": raw["age"] >= 25, "y": raw["credit"] == 1},
    )


def _compas(folder: Path) -> pd.DataFrame:
    raw = pd.read_csv(folder / "compas" / "compas_two_years.csv", keep_default_na=False, na_values=[""])
    kept = raw["days_b_screening_arrest"].abs() <= 30
    kept &= (raw["is_recid"] != -1) & (raw["c_charge_degree"] != "O") & (raw["score_text"] != "N/A")
    raw = raw[kept & raw["race"].isin(["African-American", "Caucasian"])]
    priors = pd.cut(raw["priors_count"], [-1, 0, 3, 1000], labels=["0", "1 to 3", "more"]).astype(str)
    return _coded(
        {"age": raw["age_cat"], "priors": priors, "charge": raw["c_charge_degree"]},
        {"sex": raw["sex"] == "Female", "race": raw["race"] == "Caucasian", "y": raw["two_year_recid"] == 0},
    )


def figures(said: npt.NDArray[Any], rows: pd.DataFrame, feature: str) -> Figures:
    """Return the notebook's figures of 0/1 answers; differences and ratios are of group 0 to group 1."""
    answers = pd.DataFrame({"said": np.asarray(said, dtype=np.float64), "y": rows["y"], "group": rows[feature]})
    wrong, right = answers.groupby("y")["said"].mean()
    odds = answers.groupby(["y", "group"])["said"].mean().unstack()
    chosen = answers.groupby("group")["said"].mean()
    return Figures((right + 1 - wrong) / 2, chosen[0.0] / chosen[1.0], float((odds[0.0] - odds[1.0]).mean()))


def fitted(parts: dict[str, pd.DataFrame], features: list[str]) -> MitigatedClassifier:
    """Fit the notebook's regression; decide from the threshold that does best on validation rows."""
    inner = make_pipeline(StandardScaler(), LogisticRegression(solver="liblinear"))
    inner.fit(parts["train"][features], parts["train"]["y"])
    rows = parts["validation"]
    score, earned = inner.predict_proba(rows[features])[:, 1], rows["y"].to_numpy() == 1
    cuts = np.linspace(0.01, 0.99, 100)
    worth = [(score[earned] > cut).mean() + (score[~earned] <= cut).mean() for cut in cuts]
    model = MitigatedClassifier(inner, thresholds=float(cuts[int(np.argmax(worth))]))
    model.fit(parts["train"][features], parts["train"]["y"])
    return model


def bench_of(table: Coded, feature: str, parts: dict[str, pd.DataFrame], model: MitigatedClassifier) -> Bench:
    """Set up our mitigation of the feature."""
    roles = Roles(
        target="y", task="binary", positive=1, favorable=1, sensitive=(feature,), features=tuple(table.features)
    )
    return prepare(
        build(parts, roles), wrap(model), constraint("demographic-parity", "binary"), Settings(favorable="1"),
        feature=feature, seed=0,
    )  # fmt: skip


def reweighed(table: Coded, feature: str, seed: int) -> tuple[Figures, Figures]:
    """Return the figures of test rows before and after training anew on our weights."""
    parts = table.parts(seed)
    model, test = fitted(parts, table.features), parts["test"]
    bench = bench_of(table, feature, parts, model)
    rows = bench.rows("train")
    after = bench.refit(rows, weight=cell_weights(bench, rows, 1.0))
    asked = test[table.features]
    return figures(model.predict(asked), test, feature), figures(after.predict(asked), test, feature)


def beside_aif360(table: Coded, feature: str, seed: int) -> dict[str, Figures]:
    """Return figures of test rows: both packages, the same rows and model, for rates and for odds."""
    after, before, datasets = (
        importlib.import_module(f"aif360.{name}")
        for name in ("algorithms.postprocessing", "algorithms.preprocessing", "datasets")
    )
    parts: dict[str, Any] = table.parts(seed)
    model, test = fitted(parts, table.features), parts["test"]
    groups = {"unprivileged_groups": [{feature: 0.0}], "privileged_groups": [{feature: 1.0}]}
    theirs = {
        name: datasets.BinaryLabelDataset(df=part, label_names=["y"], protected_attribute_names=[feature])
        for name, part in parts.items()
    }
    weights = before.Reweighing(**groups).fit_transform(theirs["train"]).instance_weights
    bench = bench_of(table, feature, parts, model)
    if not np.allclose(weights, cell_weights(bench, bench.rows("train"), 1.0), rtol=1e-12):
        raise SystemExit(f"{table.name}, {feature}: our weights are not those of AIF360")
    again = MitigatedClassifier(model.estimator, thresholds=model.thresholds)
    again.fit(parts["train"][table.features], parts["train"]["y"], sample_weight=weights)
    found = {
        "before": model.predict(test[table.features]),
        "AIF360 Reweighing": again.predict(test[table.features]),
    }
    said = {name: theirs[name].copy() for name in ("validation", "test")}
    for name, answers in said.items():
        answers.labels = model.predict(parts[name][table.features]).reshape(-1, 1)
    odds = after.EqOddsPostprocessing(**groups, seed=0).fit(theirs["validation"], said["validation"])
    found["AIF360 EqOddsPostprocessing"] = odds.predict(said["test"]).labels.ravel()
    remover = before.DisparateImpactRemover(repair_level=1.0, sensitive_attribute=feature)
    place = theirs["train"].feature_names.index(feature)
    repaired = {name: np.delete(remover.fit_transform(theirs[name]).features, place, axis=1) for name in theirs}
    blind = MitigatedClassifier(model.estimator, thresholds=model.thresholds)
    found["AIF360 DisparateImpactRemover"] = blind.fit(repaired["train"], parts["train"]["y"]).predict(repaired["test"])
    share = float(parts["train"]["y"].mean())
    costs = {"false_negative": 1 / share, "false_positive": 1 / (1 - share)}  # as balanced accuracy counts errors
    for method, goal in (
        ("reweigh", "demographic-parity"),
        ("thresholds", "equalized-odds"),
        ("remove-correlation", "demographic-parity"),
    ):
        try:
            done = mitigate(
                model, **parts, target="y", positive=1, favorable=1, sensitive=[feature], features=table.features,
                method=method, constraint=goal, anyway=True, costs=costs,
            )  # fmt: skip
        except AuditError as error:
            print(f"{table.name}, {feature}, {method}: refused: {error}")
            continue
        found[f"{method}, {goal}"] = done.model.predict(test[list(done.model.feature_names_in_)])
    return {name: figures(answers, test, feature) for name, answers in found.items()}


def main() -> int:
    """Print the published figures beside ours, then both packages on the same rows."""
    warnings.simplefilter("ignore")
    off = 0
    for table in coded_tables():
        for feature in table.sensitive:
            draws = np.array([reweighed(table, feature, seed) for seed in SEEDS])
            spread = draws.std(axis=0, ddof=1)
            for arm, name in enumerate(("before", "after reweighing")):
                told, ours = np.array(PUBLISHED[table.name, feature][arm]), draws[0, arm]
                off += int((np.abs(told - ours) > 3 * spread[arm]).sum())
                shown = ", ".join(
                    f"{value:.4f} (published {other:.4f}, splits differ by {width:.3f})"
                    for value, other, width in zip(ours, told, spread[arm], strict=True)
                )
                print(f"{table.name}, {feature}, {name}: {shown}")
    if importlib.util.find_spec("aif360") is None:
        print("aif360 is not installed; nothing is set beside it")
        return 1 if off else 0
    for table in coded_tables():
        for feature in table.sensitive:
            beside = [beside_aif360(table, feature, seed) for seed in SEEDS]
            for name in dict.fromkeys(name for draw in beside for name in draw):
                known = np.array([draw[name] for draw in beside if name in draw])
                right, ratio, odds = known[:, 0].mean(), known[:, 1].mean(), np.abs(known[:, 2]).mean()
                print(
                    f"{table.name}, {feature}, {name} ({len(known)} splits): balanced accuracy {right:.3f}, "
                    f"ratio {ratio:.3f}, size of the odds' difference {odds:.3f}"
                )
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
