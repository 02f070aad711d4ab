"""From a table to a service and back: train, audit, compress, audit by group, export, serve, log, monitor.

    python examples/loop/loop.py [--out FOLDER] [--data FOLDER] [--rows N]

Without ``--data`` an imagined lender's applicants are drawn. With it, the folder must hold ``adult_train.csv`` and
``adult_test.csv`` (UCI Adult with a header row), which are not part of this repository. Each step is a command that you
can run by hand; it is printed before it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

CONFIGS = {
    "train.toml": """\
seed = 0
[data]
train = "train.csv"
validation = 0.2
target = {target}
task = "binary"
drop = {drop}
[network]
hidden = [32, 16]
epochs = 12
patience = 3
[model]
path = "model.safetensors"
""",
    "audit.toml": """\
[model]
path = "model.safetensors"
[data]
train = "train.csv"
{common}[report]
out = "1-model"
""",
    "compressed.toml": """\
[model]
path = "small.onnx"
source = "model.safetensors"
[data]
{common}[report]
out = "2-compressed"
""",
    "endpoint.toml": """\
[model]
url = "http://127.0.0.1:{port}/v2/models/model"
[data]
{common}[report]
out = "3-endpoint"
""",
    "log.toml": """\
[data]
log = "log/*.parquet"
labels = "outcomes.csv"
id = "id"
target = {target}
positive = {positive}
favorable = {positive}
prediction = "prediction"
score = "score"
sensitive = {sensitive}
time = "time"
[monitor]
window = {window}
reference = 3
period = 6
""",
}
COMMON = """\
test = "test.csv"
target = {target}
task = "binary"
positive = {positive}
favorable = {positive}
sensitive = {sensitive}
drop = {drop}
"""


def applicants(rows: int, seed: int) -> pd.DataFrame:
    """Draw applicants of an imagined lender, a tenth of them from a small group with fewer records."""
    rng = np.random.default_rng(seed)
    region = rng.choice(["north", "south", "islands"], rows, p=[0.5, 0.4, 0.1])
    records = rng.poisson(np.where(region == "islands", 2, 6))
    income = rng.lognormal(7.6, 0.4, rows).round(0)
    debt = (income * rng.beta(2, 4, rows) * 6).round(0)
    logit = 1.2 + (income - 2100) / 900 - debt / 3500 + 0.12 * records + rng.logistic(0, 0.6, rows)
    return pd.DataFrame(
        {
            "income": income,
            "debt": debt,
            "records": records,
            "home": rng.choice(["own", "rent"], rows),
            "region": region,
            "sex": rng.choice(["woman", "man"], rows),
            "paid": np.where(logit > 0, "yes", "no"),
        }
    )


def tables(data: Path | None, rows: int) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, object]]:
    """Return training rows, test rows, and what configurations say of them."""
    if data is None:
        told = {"target": "paid", "positive": "yes", "sensitive": ["sex", "region"], "drop": []}
        return applicants(rows, 1), applicants(rows // 2, 2), told
    if missing := [part for part in ("train", "test") if not (data / f"adult_{part}.csv").is_file()]:
        raise SystemExit(f"{data} holds no adult_{missing[0]}.csv; expected UCI Adult in two files with a header row.")
    train, test = (pd.read_csv(data / f"adult_{part}.csv").head(rows) for part in ("train", "test"))
    told = {"target": "income", "positive": ">50K", "sensitive": ["sex", "race"], "drop": ["fnlwgt", "education"]}
    return train, test, told


def command(*words: str, allowed: tuple[int, ...] = (0,)) -> None:
    """Print and run a command of modelassay; a gate that is not met (1, 3) may be allowed."""
    print("\n$ modelassay", shlex.join(words), flush=True)
    code = subprocess.run([sys.executable, "-m", "audit", *words], check=False).returncode
    if code not in allowed:
        raise SystemExit(code)


def compression(record: Path) -> None:
    """Print what the rules on compression found, group by group."""
    print("\nWhat compression changed, in the record of that audit (rules COMP001, COMP002, COMP003):")
    for verdict in json.loads(record.read_text(encoding="utf-8"))["verdicts"]:
        if verdict["gate"].startswith("COMP"):
            print(f"  {verdict['gate']} {verdict['outcome']}: {verdict['message']}")


@contextmanager
def serving(port: int, *words: str) -> Iterator[None]:
    """Serve until the block ends; then stop as an operator would, with SIGTERM."""
    print("\n$ modelassay", shlex.join(["serve", *words, "--port", str(port)]), "&", flush=True)
    process = subprocess.Popen([sys.executable, "-m", "audit", "serve", *words, "--port", str(port)])
    try:
        for _ in range(600):
            try:
                with asked(f"http://127.0.0.1:{port}/v2/health/ready") as answer:
                    if answer.status == 200:
                        break
            except OSError:
                time.sleep(0.1)
        else:
            raise SystemExit("the service did not become ready within a minute.")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def asked(url: str, body: bytes | None = None):  # noqa: ANN201 -- urllib's own answer
    """Ask the service on this machine, past any proxy."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, body, timeout=60)


def use(url: str, table: pd.DataFrame, batch: int = 200) -> pd.DataFrame:
    """Send rows as a caller would; return the identifiers that they are logged under."""
    with asked(url) as answer:
        wanted = {one["name"]: one["datatype"] for one in json.load(answer)["inputs"]}
    sent = []
    for start in range(0, len(table), batch):
        part = table.iloc[start : start + batch]
        inputs = [
            {"name": name, "shape": [len(part)], "datatype": kind, "data": part[name].tolist()}
            for name, kind in wanted.items()
        ]
        name = f"call-{start // batch:05d}"
        with asked(f"{url}/infer", json.dumps({"id": name, "inputs": inputs}).encode()) as answer:
            answer.read()
        sent += [f"{name}/{row}" for row in range(len(part))]
    return table.assign(id=sent)


def settings(folder: Path, told: Mapping[str, object]) -> None:
    """Write a configuration for each step."""
    values = {key: json.dumps(value) for key, value in told.items()}  # what JSON and TOML write alike
    common = COMMON.format(**values)
    for name, text in CONFIGS.items():
        (folder / name).write_text(text.format(**values, common=common), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="From a table to a service and back.")
    parser.add_argument("--out", type=Path, default=Path("loop-run"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--port", type=int, default=18080)
    given = parser.parse_args()
    train, test, told = tables(given.data, given.rows)
    given.out.mkdir(parents=True, exist_ok=True)
    os.chdir(given.out)
    train.to_csv("train.csv", index=False)
    test.to_csv("test.csv", index=False)
    window = max(50, -(-len(test) // 6))  # six windows, of which none is left with a few rows
    settings(Path(), {**told, "port": given.port, "window": window})
    groups = ",".join(told["sensitive"])  # type: ignore[arg-type]

    command("train", "train.toml", "--out", "model.safetensors")
    command("run", "audit.toml", allowed=(0, 1, 3))
    command(
        "compress", "model.safetensors", "--int8", "static", "--calibrate", "train.csv", "--groups", groups,
        "--test", "test.csv", "--out", "small.onnx",
    )  # fmt: skip
    command("run", "compressed.toml", allowed=(0, 1, 3))
    compression(Path("2-compressed/audit.json"))
    command("export", "model.safetensors", "--data", "train.csv", "--test", "test.csv", "--out", "model.onnx")
    with serving(given.port, "model.json", "--types-only"):  # an audit's questions are no decisions: without a log
        command("run", "endpoint.toml", allowed=(0, 1, 3))
    with serving(given.port, "model.json", "--log", "log", "--log-inputs", groups):
        used = use(f"http://127.0.0.1:{given.port}/v2/models/model", test)
    used[["id", str(told["target"])]].to_csv("outcomes.csv", index=False)
    command("monitor", "log.toml", "--window", str(window), allowed=(0, 1, 3))
    records = sorted(str(one) for one in Path("monitor").glob("*.json"))
    command("history", *records, "--out", "history.html")
    print(f"\nCards: {given.out}/1-model/card.html, 2-compressed/, 3-endpoint/; windows: history.html")


if __name__ == "__main__":
    main()
