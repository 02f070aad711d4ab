"""Our server at half of its capacity for minutes, over loopback: errors, latencies, memory.

python -m benchmarks.serve_soak               ten minutes
python -m benchmarks.serve_soak --seconds 60
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.serve import CONNECTIONS, PATH, body_of, load, write_model

SIZES = (1, 1, 1, 16)
"""Rows of requests, by turns."""


async def paced(port: int, bodies: list[bytes], interval: float, until: float) -> tuple[Counter[int], list[float]]:
    """Send a request every `interval` seconds on one connection; seconds count from when it was due."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses: Counter[int] = Counter()
    seconds, due = [], time.perf_counter()
    while due < until:
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        body = bodies[len(seconds) % len(bodies)]
        writer.write(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        told = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(told.split(b"content-length:")[1].split(b"\r\n")[0]))
        seconds.append(time.perf_counter() - due)
        statuses[int(told.split()[1])] += 1
        due += interval
    writer.close()
    return statuses, seconds


async def soak(port: int, bodies: list[bytes], rate: float, seconds: float) -> tuple[Counter[int], list[float]]:
    until = time.perf_counter() + seconds
    parts = await asyncio.gather(*(paced(port, bodies, CONNECTIONS / rate, until) for _ in range(CONNECTIONS)))
    return sum((statuses for statuses, _ in parts), Counter()), [value for _, part in parts for value in part]


def resident(process: subprocess.Popen[str]) -> float:
    """Return the memory of a process in MiB; Linux tells it in a file."""
    return int(Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20


def main(seconds: float) -> int:
    with tempfile.TemporaryDirectory() as name:
        write_model(Path(name))
        command = [sys.executable, "-m", "benchmarks.serve", "--folder", name, "--answer", "ours"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None  # noqa: S101 -- piped
            port = int(server.stdout.readline())
            bodies = [body_of(SIZES[place % len(SIZES)], place) for place in range(40)]
            asyncio.run(load(port, bodies))
            _, _, spent = asyncio.run(load(port, bodies * 20))
            capacity, before = 20 * len(bodies) / spent, resident(server)
            statuses, each = asyncio.run(soak(port, bodies, capacity / 2, seconds))
            after = resident(server)
        finally:
            server.terminate()
            server.wait(10)
    p50, p99 = (1000 * float(np.quantile(each, at)) for at in (0.5, 0.99))
    failed = len(each) - statuses[200]
    print(
        f"{len(each):,} requests in {seconds:.0f} s at half of {capacity:.0f} a second: {failed} errors; "
        f"p50 {p50:.1f} and p99 {p99:.1f} ms; memory {before:.0f} MiB before, {after:.0f} after"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    sys.exit(main(parser.parse_args().seconds))
