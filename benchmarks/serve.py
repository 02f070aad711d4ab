"""Our server beside a bare FastAPI handler on the same model, over loopback; then a burst of malformed requests.

python -m benchmarks.serve            under a minute
python -m benchmarks.serve --times 60 a load of many minutes
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.mitigation import table

REQUESTS = {1: 300, 16: 300, 256: 60}
"""Requests of a round, by rows of each."""
ROUNDS = 3
CONNECTIONS = 8
MALFORMED = 2_000
LEAST = 0.9
"""Share of the bare handler's throughput that is asked for."""
FEATURES = [*(f"x{place}" for place in range(8)), "kind"]
PATH = "/v2/models/loans/infer"


def write_model(folder: Path) -> None:
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rows = table(2_000, 0)
    columns = make_column_transformer((StandardScaler(), FEATURES[:-1]), (OneHotEncoder(), ["kind"]))
    skops.io.dump(make_pipeline(columns, LogisticRegression()).fit(rows[FEATURES], rows["y"]), folder / "loans.skops")
    rows[FEATURES].to_csv(folder / "train.csv", index=False)


def our_app(folder: Path) -> Any:
    from audit.deploy.app import create_app
    from audit.deploy.service import make_service, open_model

    return create_app(make_service(*open_model(folder / "loans.skops", data=folder / "train.csv")))


def bare_app(folder: Path) -> Any:
    """Make what one writes by hand: no schema, no limits, no queue, no counters, one call of the model."""
    import skops.io
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse

    model, app = skops.io.load(folder / "loans.skops"), FastAPI()

    async def infer(request: Request) -> JSONResponse:
        told = await request.json()
        scores = model.predict_proba(pd.DataFrame({one["name"]: one["data"] for one in told["inputs"]}))
        label = model.classes_[scores.argmax(axis=1)]
        return JSONResponse({"label": label.tolist(), "probabilities": scores.tolist()})

    infer.__annotations__["request"] = Request  # looked up when the handler is added
    app.add_api_route(PATH, infer, methods=["POST"], response_model=None)
    return app


def answer(kind: str, folder: Path) -> None:
    """Serve in this process on a free port, and print it."""
    import socket

    import uvicorn

    app = (our_app if kind == "ours" else bare_app)(folder)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[listening])


def body_of(rows: int, seed: int) -> bytes:
    drawn = table(rows, seed)
    kinds = {"kind": "BYTES"}
    inputs = [
        {"name": name, "shape": [rows], "datatype": kinds.get(name, "FP64"), "data": drawn[name].tolist()}
        for name in FEATURES
    ]
    return json.dumps({"inputs": inputs}).encode()


def malformed(seed: int) -> bytes:
    """Change some bytes of a good request."""
    body, generator = bytearray(body_of(1, 1)), random.Random(seed)  # noqa: S311 -- faults, not secrets
    for _ in range(generator.randint(1, 8)):
        place = generator.randrange(len(body))
        body[place : place + generator.randint(0, 20)] = generator.randbytes(generator.randint(0, 8))
    return bytes(body)


async def ask(port: int, bodies: list[bytes]) -> tuple[Counter[int], list[float]]:
    """Send requests one after the other on one connection; return statuses and seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses: Counter[int] = Counter()
    seconds = []
    for body in bodies:
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        started = time.perf_counter()
        writer.write(head.encode() + body)
        told = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(told.split(b"content-length:")[1].split(b"\r\n")[0]))
        seconds.append(time.perf_counter() - started)
        statuses[int(told.split()[1])] += 1
    writer.close()
    return statuses, seconds


async def load(port: int, bodies: list[bytes]) -> tuple[Counter[int], list[float], float]:
    """Share requests out over connections; return statuses, seconds of each, and seconds of all."""
    started = time.perf_counter()
    parts = await asyncio.gather(*(ask(port, bodies[place::CONNECTIONS]) for place in range(CONNECTIONS)))
    spent = time.perf_counter() - started
    return sum((one for one, _ in parts), Counter()), [value for _, part in parts for value in part], spent


def cpu_seconds(process: subprocess.Popen[str]) -> float:
    """Return what a process has used so far; Linux tells it in a file."""
    told = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def compare(ports: dict[str, int], servers: dict[str, subprocess.Popen[str]], rows: int, times: int) -> bool:
    """Load both servers by turns with requests of one size; print, and tell whether ours holds its promise."""
    bodies = [body_of(rows, seed) for seed in range(20)] * (REQUESTS[rows] // 20)
    rates: dict[str, list[float]] = {kind: [] for kind in ports}
    used = dict.fromkeys(ports, 0.0)
    seconds: dict[str, list[float]] = {kind: [] for kind in ports}
    failed = 0
    for _ in range(ROUNDS * times):
        for kind, port in ports.items():
            before = cpu_seconds(servers[kind])
            statuses, each, spent = asyncio.run(load(port, bodies))
            used[kind] += cpu_seconds(servers[kind]) - before
            rates[kind].append(len(bodies) / spent)
            seconds[kind] += each
            failed += len(bodies) - statuses[200]
    share = float(np.median(np.divide(rates["ours"], rates["bare"])))
    half, last = (float(np.quantile(seconds["ours"], at) / np.quantile(seconds["bare"], at)) for at in (0.5, 0.99))
    p50, p99 = (1000 * float(np.quantile(seconds["ours"], at)) for at in (0.5, 0.99))
    print(
        f"{rows:>4} rows a request: {share:.2f} times the bare handler's throughput, {used['ours'] / used['bare']:.2f} "
        f"times its CPU seconds; p50 {half:.2f} and p99 {last:.2f} times its own ({p50:.1f} and {p99:.1f} ms here); "
        f"{failed} errors of {len(seconds['ours']) + len(seconds['bare']):,}"
    )
    return share >= LEAST and not failed


def harmless(port: int) -> bool:
    """Send broken requests among good ones; print, and tell whether none of them did harm."""
    good = body_of(1, 1)
    statuses, _, _ = asyncio.run(load(port, [malformed(seed) for seed in range(MALFORMED)]))
    after, _, _ = asyncio.run(load(port, [good] * CONNECTIONS))
    told = ", ".join(f"{count:,} of {status}" for status, count in sorted(statuses.items()))
    print(f"{MALFORMED:,} malformed requests: {told}; {after[200]} of {CONNECTIONS} good ones after them are answered")
    return set(statuses) <= {200, 400, 413, 422} and after[200] == CONNECTIONS


def main(times: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        write_model(Path(name))
        command = [sys.executable, "-m", "benchmarks.serve", "--folder", name, "--answer"]
        servers = {
            kind: subprocess.Popen([*command, kind], stdout=subprocess.PIPE, text=True) for kind in ("ours", "bare")
        }
        try:
            ports = {kind: int(one.stdout.readline()) for kind, one in servers.items() if one.stdout is not None}
            for port in ports.values():
                asyncio.run(load(port, [body_of(1, 0)] * CONNECTIONS))
            kept = [compare(ports, servers, rows, times) for rows in REQUESTS]
            kept.append(harmless(ports["ours"]))
        finally:
            for one in servers.values():
                one.terminate()
                one.wait(10)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1, help="rounds, times as many")
    parser.add_argument("--answer", choices=("ours", "bare"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.answer:
        answer(given.answer, given.folder)
        sys.exit(0)
    sys.exit(main(given.times))
