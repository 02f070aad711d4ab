"""Cost of an audit: time, memory and sizes of the main job, printed; no thresholds are enforced here.

Run ``python -m benchmarks.main_job [--rows 100000] [--features 20]``. Figures are for comparing within one run on
one machine; absolute times mean little elsewhere.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from audit.checks import discover
from audit.config.plan import RunPlan
from audit.data.dataset import Roles, build
from audit.evidence import Settings
from audit.gather import Context
from audit.judging import gate
from audit.models.load import wrap
from audit.pipeline import execute
from audit.policy.read import default_policy
from reports import html, store
from reports.record import AuditRecord


def table(rows: int, features: int, seed: int) -> pd.DataFrame:
    """Make a table with numbers, categories and two sensitive features of 20 groups in all."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{k}": generator.normal(size=rows) for k in range(features - 2)})
    frame["sex"] = generator.choice(["f", "m"], rows)
    frame["region"] = generator.choice([f"r{k}" for k in range(10)], rows)
    signal = frame["x0"] + frame["x1"] * frame["x2"] + generator.normal(size=rows)
    return frame.assign(y=(signal > 0.5).astype(int))


def peak() -> float:
    """Return the peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(words: str, action: object) -> object:
    start = time.perf_counter()
    result = action()  # type: ignore[operator]
    print(f"{words:66} {time.perf_counter() - start:8.2f} s   peak {peak():7.0f} MiB")
    return result


def drawn(record: AuditRecord, full: AuditRecord) -> None:
    """Time what works from a saved record alone."""
    timed("judge again", lambda: gate.judge(record, default_policy()))
    page = timed("draw the card", lambda: html.render(full))
    print(f"{'size of the card':66} {len(str(page).encode()) / 1024:8.0f} KiB")
    print(f"{'size of the record':66} {len(store.dumps(full).encode()) / 1024:8.0f} KiB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.json"
        store.save(full, path)
        for arguments in (["--help"], ["judge", str(path)], ["render", str(path), "--out", f"{folder}/card.html"]):
            command = [sys.executable, "-m", "audit", *arguments]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            timed(f"process: modelassay {arguments[0]}", lambda c=command, q=quiet: subprocess.run(c, check=False, **q))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=20)
    asked = parser.parse_args()

    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    train, test = table(asked.rows, asked.features, 0), table(asked.rows, asked.features, 1)
    columns = make_column_transformer((OrdinalEncoder(), ["sex", "region"]), remainder="passthrough")
    fitted = make_pipeline(columns, HistGradientBoostingClassifier(random_state=0))
    fitted.fit(train.drop(columns="y"), train["y"])
    model = wrap(fitted)
    dataset = build({"train": train, "test": test}, Roles(target="y", sensitive=("sex", "region")))
    print(
        f"audit of {asked.rows:,} + {asked.rows:,} rows x {asked.features} features; before it, peak {peak():.0f} MiB"
    )

    context = Context(model=model, dataset=dataset.for_model(model.feature_names, None), settings=Settings())
    predictions = timed("predict every row once", lambda: context.need("predictions"))
    plain = [
        one.id
        for one in discover().values()
        if set(one.needs) <= {"predictions", "dataset", "artifact", "card"} and not set(one.wants) - {"predictions"}
    ]
    record = timed(
        f"{len(plain)} checks on predictions and tables, prediction excluded",
        lambda: execute(
            RunPlan(model=model, dataset=dataset, checks=tuple(plain), evidence={"predictions": predictions})
        ),
    )
    everything = [one.id for one in discover().values() if one.family != "explanations"]
    full = timed(
        f"all {len(everything)} checks but explanations, refits and perturbations included",
        lambda: execute(
            RunPlan(model=model, dataset=dataset, checks=tuple(everything), evidence={"predictions": predictions})
        ),
    )
    slowest = sorted(full.findings, key=lambda one: -one.seconds)[:8]  # type: ignore[attr-defined]
    print("  slowest:", ", ".join(f"{one.check} {one.seconds:.1f} s" for one in slowest))
    drawn(record, full)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
