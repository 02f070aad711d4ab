"""What the same question costs in other tools: whole processes, each tool in an environment of its own.

python -m benchmarks.peers                                  every tool and table, three runs each
python -m benchmarks.peers --tools fairlearn skore --rows 1000 --repeats 5
python -m benchmarks.peers --python evidently=/path/to/python   an environment that is there already

Environments are made under ``--cache`` by ``venv`` and ``pip``, with the versions below; a tool that cannot be
installed, or fails, is named and left out. What each tool is asked stands in ``peer_jobs.py``, one function a question;
tables are made up, from a seed, and each environment fits the same model beforehand. CPU seconds are user
and system time of the process and its children, memory is the peak of resident memory; printed are the median and the
range. Compare figures of one machine only with each other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

JOBS = Path(__file__).with_name("peer_jobs.py")
QUIET = {"DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
"""No telemetry, and one thread, so that CPU seconds are work and not waiting."""
QUESTIONS = {
    "groups": "rates by group with intervals, from stored answers",
    "performance": "how good the model is, from stored answers",
    "drift": "whether each column moved between training and test rows",
    "everything": "all that the tool does with a model, training and test rows",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool and what it answers."""

    packages: tuple[str, ...]
    """What pip installs; more than the tool where its newest release does not run with today's libraries."""
    answers: Mapping[str, str]
    """By question: what it computes."""


TOOLS = {
    "modelassay": Tool(
        packages=(),
        answers={
            "groups": "seven metrics of each group and of crossed groups, their differences and ratios, all with 95 % "
            "intervals in closed form; gates; record and card",
            "performance": "metrics and curves with intervals, confusion matrix, calibration; gates; record and card",
            "drift": "population stability index of each column with an interval; gates; record and card",
            "everything": "about 60 checks: data, leaks, drift, performance, calibration, groups, slices, folds, "
            "refits, robustness, SHAP, LIME and whether they hold; verdicts with intervals; record and card",
        },
    ),
    "fairlearn": Tool(
        packages=("fairlearn==0.15.0",),
        answers={
            "groups": "four metrics of each group, differences and ratios, with quantiles of 100 bootstrap samples; "
            "no report",
        },
    ),
    "fairpipe": Tool(
        packages=("fairpipe==0.12.0",),
        answers={
            "groups": "two gaps of each feature, demographic parity and equalized odds, with an interval and a "
            "permutation p-value (2,000 samples each); no rates by group, no report",
        },
    ),
    "skore": Tool(
        packages=("skore==0.28.0",),
        answers={
            "performance": "eight metrics, two curves, confusion matrix; no intervals",
            "everything": "metrics and 16 automated checks (refits, permutation importance), Markdown; no groups, "
            "no intervals",
        },
    ),
    "bdp-model-gate": Tool(
        packages=("bdp-model-gate[structured,plots]==0.7.0",),
        answers={
            "everything": "validation, performance, fairness (bootstrap intervals, counterfactual flips, SHAP by "
            "group), security; a three-way status; HTML",
        },
    ),
    "evidently": Tool(
        packages=("evidently==0.7.23", "pandas<3"),
        answers={
            "performance": "metrics, confusion matrix, curves of both tables; HTML; no intervals",
            "drift": "a test or distance for each column; HTML",
            "everything": "presets of classification, data drift and data summary; HTML; no model, groups or intervals",
        },
    ),
    "deepchecks": Tool(
        packages=("deepchecks==0.19.1", "numpy<2", "scikit-learn<1.7", "pandas<3", "plotly<6", "setuptools<81"),
        answers={
            "performance": "suite model_evaluation (11 checks, weak segments among them); HTML; no intervals",
            "drift": "check FeatureDrift: a distance for each column; HTML",
            "everything": "suite full_suite (35 checks: integrity, leaks, drift, performance); HTML; no intervals",
        },
    ),
    "nannyml": Tool(
        packages=("nannyml==0.13.1", "statsmodels"),
        answers={
            "drift": "a distance for each column, with a threshold from the training rows; no report",
            "everything": "univariate and multivariate drift, realized and estimated performance; no report",
        },
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one process took."""

    cpu: float
    wall: float
    peak: float


def make_tables(folder: Path, rows: int) -> None:
    """Write training and test rows of 15 columns, two of them sensitive, with the answers of a made-up model."""
    for seed, name in enumerate(("train", "test")):
        generator = np.random.default_rng(seed)
        frame = pd.DataFrame({f"x{k}": generator.normal(size=rows).round(4) for k in range(13)})
        frame["sex"] = generator.choice(["f", "m"], rows)
        frame["race"] = generator.choice(list("abcde"), rows, p=[0.4, 0.25, 0.2, 0.1, 0.05])
        signal = frame["x0"] + frame["x1"] * frame["x2"] + 0.3 * (frame["sex"] == "m")
        score = 1 / (1 + np.exp(-signal))
        frame["y"] = (generator.random(rows) < score).astype(int)
        frame["score"], frame["answer"] = score.round(6), (score >= 0.5).astype(int)
        frame.to_csv(folder / f"{name}.csv", index=False)


def python_of(name: str, cache: Path) -> Path | None:
    """Return the Python of a tool's environment, made if it is not there; nothing where it cannot be installed."""
    if not TOOLS[name].packages:
        return Path(sys.executable)
    home = cache / name
    python, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *TOOLS[name].packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name} could not be installed and is left out: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return None
        ready.touch()
    return python


def run(python: Path, *arguments: str) -> Run:
    """Run a job once in a process of its own."""
    own = {} if python == Path(sys.executable) else {"PYTHONPATH": ""}
    start = time.monotonic()
    with tempfile.TemporaryFile() as said:
        command = [str(python), str(JOBS), *arguments]
        process = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, **QUIET, **own})
        _, status, used = os.wait4(process.pid, 0)
        if status:
            said.seek(0)
            raise RuntimeError(said.read().decode(errors="replace")[-500:])
    return Run(cpu=used.ru_utime + used.ru_stime, wall=time.monotonic() - start, peak=used.ru_maxrss / 1024)


def version_of(python: Path, name: str) -> str:
    """Return the version of the tool that an environment holds."""
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def compare(pythons: Mapping[str, Path], questions: Sequence[str], rows: int, repeats: int) -> None:
    """Print one table for each question, tool by tool, runs in turn."""
    with tempfile.TemporaryDirectory() as name:
        folders = {tool: Path(name) / tool for tool in pythons}
        for tool, folder in folders.items():
            folder.mkdir()
            make_tables(folder, rows)
            run(pythons[tool], "fit", str(folder))
        for question in questions:
            words = QUESTIONS[question]
            asked = [tool for tool in pythons if question in TOOLS[tool].answers]
            if not asked:
                continue
            runs: dict[str, list[Run]] = {tool: [] for tool in asked}
            for _ in range(repeats):
                for tool in tuple(runs):
                    try:
                        runs[tool].append(run(pythons[tool], tool, question, str(folders[tool])))
                    except RuntimeError as error:
                        print(f"{tool} failed and is left out: {error}", file=sys.stderr)
                        del runs[tool]
            print_table(f"{words[0].upper()}{words[1:]}; {rows:,} and {rows:,} rows", question, runs)


def print_table(title: str, question: str, runs: Mapping[str, Sequence[Run]]) -> None:
    """Print medians, with the range of the CPU seconds, and what each tool computed."""
    print(f"\n{title}\n\n| tool | CPU s | range | wall s | peak MiB | computes |")
    print("| --- " * 6 + "|", flush=True)
    for tool, made in runs.items():
        cpu, wall, peak = ([getattr(one, what) for one in made] for what in ("cpu", "wall", "peak"))
        middle = [statistics.median(one) for one in (cpu, wall, peak)]
        told = f"{middle[0]:.1f} | {min(cpu):.1f}–{max(cpu):.1f} | {middle[1]:.1f} | {middle[2]:.0f}"
        print(f"| {tool} | {told} | {TOOLS[tool].answers[question]} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", nargs="+", default=list(TOOLS), choices=list(TOOLS))
    parser.add_argument("--questions", nargs="+", default=list(QUESTIONS), choices=list(QUESTIONS))
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "modelassay-peers")
    parser.add_argument("--python", nargs="+", default=[], metavar="TOOL=PATH", help="environments that are there")
    asked = parser.parse_args()
    given = {name: Path(path) for name, _, path in (one.partition("=") for one in asked.python)}
    found = {name: given.get(name) or python_of(name, asked.cache) for name in asked.tools}
    pythons = {name: path for name, path in found.items() if path is not None}
    print(", ".join(f"{name} {version_of(path, name)}" for name, path in pythons.items()))
    for rows in asked.rows:
        compare(pythons, asked.questions, rows, asked.repeats)


if __name__ == "__main__":
    main()
