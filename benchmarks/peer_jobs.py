"""What each tool is asked by ``peers.py``: ``python peer_jobs.py TOOL QUESTION FOLDER``, run by that tool's own Python.

The folder holds ``train.csv`` and ``test.csv``: numbers ``x0`` …, groups ``sex`` and ``race``, the outcome ``y``, and a
``score`` and an ``answer`` of a model. ``fit`` leaves the same kind of model behind for every version of scikit-learn.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

GROUPS = ["sex", "race"]
GIVEN = ["y", "score", "answer"]


def _tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")


def _without_answers(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    train, test = _tables(folder)
    return train.drop(columns=GIVEN[1:]), test.drop(columns=GIVEN[1:])


def _model(folder: Path) -> Any:
    import joblib

    return joblib.load(folder / "model.joblib")


def fit(folder: Path) -> None:
    """Fit gradient boosting behind an encoder, and keep it."""
    import joblib
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    train, _ = _without_answers(folder)
    columns = make_column_transformer((OrdinalEncoder(), GROUPS), remainder="passthrough")
    model = make_pipeline(columns, HistGradientBoostingClassifier(random_state=0))
    model.fit(train.drop(columns="y"), train["y"])
    joblib.dump(model, folder / "model.joblib")
    try:
        import skops.io
    except ImportError:
        return
    skops.io.dump(model, folder / "model.skops")


# --- modelassay -----------------------------------------------------------------------------------


def _audit(folder: Path, settings: str) -> None:
    from audit.cli import main

    path = folder / "audit.toml"
    path.write_text(settings + '\n[report]\nout = "modelassay"\n', encoding="utf-8")
    sys.argv = ["modelassay", "run", str(path)]
    main()


ANSWERS = f"""
[data]
train = "train.csv"
test = "test.csv"
target = "y"
prediction = "answer"
score = "score"
positive = 1
favorable = 1
sensitive = {GROUPS}
"""


def modelassay_groups(folder: Path) -> None:
    _audit(folder, f'{ANSWERS}\n[checks]\nselect = ["group_performance", "disparities"]\n')


def modelassay_performance(folder: Path) -> None:
    names = ["classification", "confusion", "roc", "precision_recall", "calibration", "score_histogram"]
    _audit(folder, f"{ANSWERS}\n[checks]\nselect = {names}\n")


def modelassay_drift(folder: Path) -> None:
    _audit(folder, f'{ANSWERS}\n[checks]\nselect = ["feature_drift"]\n')


def modelassay_everything(folder: Path) -> None:
    dropped = 'prediction = "answer"\nscore = "score"\n'
    _audit(folder, f'[model]\npath = "model.skops"\n{ANSWERS.replace(dropped, "")}drop = ["score", "answer"]\n')


# --- the others -----------------------------------------------------------------------------------


def fairlearn_groups(folder: Path) -> None:
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score

    _, test = _tables(folder)
    asked = {"accuracy": accuracy_score, "selection": selection_rate, "tpr": true_positive_rate,
             "fpr": false_positive_rate}  # fmt: skip
    for group in GROUPS:
        frame = MetricFrame(
            metrics=asked, y_true=test["y"], y_pred=test["answer"], sensitive_features=test[group],
            n_boot=100, ci_quantiles=[0.025, 0.975], random_state=0,
        )  # fmt: skip
        print(frame.by_group, frame.by_group_ci, frame.difference(), frame.difference_ci(), frame.ratio_ci())


def fairpipe_groups(folder: Path) -> None:
    from fairpipe.metrics import FairnessAnalyzer

    _, test = _tables(folder)
    asked = FairnessAnalyzer()
    for group in GROUPS:
        print(asked.demographic_parity_difference(y_pred=test["answer"], sensitive=test[group]))
        print(asked.equalized_odds_difference(y_true=test["y"], y_pred=test["answer"], sensitive=test[group]))


def skore_performance(folder: Path) -> None:
    from skore import EstimatorReport

    _, test = _without_answers(folder)
    _skore(EstimatorReport(_model(folder), X_test=test.drop(columns="y"), y_test=test["y"], pos_label=1))


def skore_everything(folder: Path) -> None:
    from sklearn.base import clone
    from skore import EstimatorReport

    train, test = _without_answers(folder)
    report = EstimatorReport(
        clone(_model(folder)), X_train=train.drop(columns="y"), y_train=train["y"], X_test=test.drop(columns="y"),
        y_test=test["y"], pos_label=1,
    )  # fmt: skip
    _skore(report)
    print(report.checks.summarize())
    (folder / "skore.md").write_text(report.to_markdown())


def _skore(report: Any) -> None:
    print(report.metrics.summarize().frame())
    for name in ("roc", "precision_recall", "confusion_matrix"):
        getattr(report.metrics, name)().frame()


def bdp_everything(folder: Path) -> None:
    from bdp_model_gate import ModelGate, StructuredGateContext

    train, test = _without_answers(folder)
    encoder, model = _model(folder)  # its explanations need numbers
    names = encoder.get_feature_names_out()
    X_train, X = (pd.DataFrame(encoder.transform(one.drop(columns="y")), columns=names) for one in (train, test))
    context = StructuredGateContext(
        model=model, X=X, y_true=test["y"], y_pred=model.predict(X), protected_df=test[GROUPS], X_train=X_train
    )
    report = ModelGate().run(context)
    print(report.summary())
    report.to_html(str(folder / "bdp.html"))


def evidently_performance(folder: Path) -> None:
    from evidently.presets import ClassificationPreset

    _evidently(folder, [ClassificationPreset()])


def evidently_drift(folder: Path) -> None:
    from evidently.presets import DataDriftPreset

    _evidently(folder, [DataDriftPreset()])


def evidently_everything(folder: Path) -> None:
    from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset

    _evidently(folder, [ClassificationPreset(), DataDriftPreset(), DataSummaryPreset()])


def _evidently(folder: Path, presets: list[Any]) -> None:
    from evidently import BinaryClassification, DataDefinition, Dataset, Report

    told = DataDefinition(
        classification=[
            BinaryClassification(target="y", prediction_labels="answer", prediction_probas="score", pos_label=1)
        ],
        categorical_columns=GROUPS,
    )
    train, test = (Dataset.from_pandas(one, data_definition=told) for one in _tables(folder))
    Report(presets).run(test, train).save_html(str(folder / "evidently.html"))


def deepchecks_performance(folder: Path) -> None:
    from deepchecks.tabular.suites import model_evaluation

    _deepchecks(folder, model_evaluation(), _model(folder))


def deepchecks_drift(folder: Path) -> None:
    from deepchecks.tabular import Suite
    from deepchecks.tabular.checks import FeatureDrift

    _deepchecks(folder, Suite("drift", FeatureDrift()), None)


def deepchecks_everything(folder: Path) -> None:
    from deepchecks.tabular.suites import full_suite

    _deepchecks(folder, full_suite(), _model(folder))


def _deepchecks(folder: Path, suite: Any, model: Any) -> None:
    from deepchecks.tabular import Dataset

    train, test = (Dataset(one, label="y", cat_features=GROUPS) for one in _without_answers(folder))
    suite.run(train, test, model).save_as_html(str(folder / "deepchecks.html"), as_widget=False)


def nannyml_drift(folder: Path) -> None:
    from nannyml import UnivariateDriftCalculator

    train, test = _tables(folder)
    columns = [name for name in train if name not in GIVEN]
    asked = UnivariateDriftCalculator(column_names=columns, treat_as_categorical=GROUPS, chunk_number=1)
    print(asked.fit(train).calculate(test).to_df())


def nannyml_everything(folder: Path) -> None:
    from nannyml import CBPE, DataReconstructionDriftCalculator, PerformanceCalculator

    nannyml_drift(folder)
    train, test = _tables(folder)
    given = {"y_pred_proba": "score", "y_pred": "answer", "y_true": "y", "problem_type": "classification_binary"}
    metrics = ["roc_auc", "f1", "precision", "recall", "specificity", "accuracy"]
    print(CBPE(metrics=metrics, chunk_number=1, **given).fit(train).estimate(test).to_df())
    print(PerformanceCalculator(metrics=metrics, chunk_number=1, **given).fit(train).calculate(test).to_df())
    columns = [name for name in train if name not in GIVEN]
    print(DataReconstructionDriftCalculator(column_names=columns, chunk_number=1).fit(train).calculate(test).to_df())


def main() -> None:
    asked: dict[str, Callable[[Path], None]] = {name: one for name, one in globals().items() if callable(one)}
    name = "_".join(sys.argv[1:-1]).replace("-model-gate", "")
    asked[name](Path(sys.argv[-1]))


if __name__ == "__main__":
    main()
