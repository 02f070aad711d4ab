"""The same log, a million rows over twelve months, in modelassay and in what others offer for it.

python benchmarks/logs_beside.py make FILE
python benchmarks/logs_beside.py modelassay|evidently|nannyml FILE    each in an environment where it is installed

Prints CPU seconds without imports, the peak of memory in MiB, and what was made.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

ROWS = 1_000_000


def make(file: Path) -> str:
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(0)
    score = generator.beta(2, 3, ROWS)
    frame = pd.DataFrame(
        {"y": (generator.random(ROWS) < score).astype(int), "p": (score > 0.5).astype(int), "s": score}
    )
    frame["sex"] = generator.choice(["f", "m", "x"], ROWS, p=[0.45, 0.45, 0.1])
    frame["t"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(generator.integers(0, 365 * 24, ROWS), unit="h")
    frame.to_parquet(file)
    return f"{len(frame):,} rows"


def by_modelassay(file: Path) -> str:
    import modelassay

    records = modelassay.monitor(
        file, target="y", prediction="p", score="s", time="t", sensitive=["sex"], positive=1, reference=4
    )
    numbers = sum(len(one.measurement.estimates) for record in records for one in record.findings if one.measurement)
    return f"{len(records)} windows, {numbers:,} numbers with intervals or counts, alarms corrected for the period"


def by_evidently(file: Path) -> str:
    import pandas as pd
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.presets import ClassificationPreset, DataDriftPreset

    frame = pd.read_parquet(file)
    months = frame.pop("t").dt.month
    stated = DataDefinition(
        classification=[BinaryClassification(target="y", prediction_labels="p", prediction_probas="s", pos_label=1)],
        categorical_columns=["sex", "y", "p"],
        numerical_columns=["s"],
    )
    old = Dataset.from_pandas(frame[months <= 4], data_definition=stated)
    numbers = 0
    for month in range(5, 13):
        new = Dataset.from_pandas(frame[months == month], data_definition=stated)
        numbers += len(Report([ClassificationPreset(), DataDriftPreset()]).run(new, old).dict()["metrics"])
    return f"8 reports, {numbers} metrics without intervals, uncorrected over windows"


def by_nannyml(file: Path) -> str:
    import nannyml
    import pandas as pd

    frame = pd.read_parquet(file)
    old, new = frame[frame["t"].dt.month <= 4], frame[frame["t"].dt.month > 4]
    calculator = nannyml.PerformanceCalculator(
        y_true="y", y_pred="p", y_pred_proba="s", timestamp_column_name="t", chunk_period="M",
        problem_type="classification_binary", metrics=["roc_auc", "accuracy", "recall", "precision"],
    )  # fmt: skip
    made = calculator.fit(old).calculate(new).to_df()
    drift = nannyml.UnivariateDriftCalculator(column_names=["s", "sex"], timestamp_column_name="t", chunk_period="M")
    moved = drift.fit(old).calculate(new).to_df()
    return f"{len(made)} and {len(moved)} rows of results, bands of three sampling errors, uncorrected over windows"


if __name__ == "__main__":
    work = {"make": make, "modelassay": by_modelassay, "evidently": by_evidently, "nannyml": by_nannyml}[sys.argv[1]]
    if sys.argv[1] in ("evidently", "nannyml"):
        __import__(sys.argv[1])
    start = time.process_time()
    told = work(Path(sys.argv[2]))
    spent, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{sys.argv[1]}: {spent:.1f} CPU s, {peak:.0f} MiB: {told}")
