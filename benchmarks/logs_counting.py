"""One way of counting a Parquet file, in a process of its own; prints CPU seconds and the peak of memory in MiB.

python -m benchmarks.logs_counting hand FILE race            the query written by hand, by these columns
python -m benchmarks.logs_counting ours FILE sex,race,age    what modelassay does
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from audit.logs.columns import LogColumns
from audit.logs.connection import connect
from audit.logs.counting import count
from audit.logs.sources import open_files

QUERY = """
SELECT year(t) * 12 + month(t) AS w, {groups}, truth, predicted,
       floor(ln(score / (1 - score)) * 64)::BIGINT AS bin,
       count(*), sum((score * 16777216)::BIGINT) FROM '{file}' GROUP BY ALL
"""


def by_hand(file: Path, groups: str) -> int:
    with connect(file) as connection:
        return len(connection.execute(QUERY.format(file=file, groups=groups)).df())


def ours(file: Path, groups: str) -> int:
    columns = LogColumns(
        target="truth", prediction="predicted", score="score", sensitive=tuple(groups.split(",")), time="t"
    )
    counted = count(open_files([file], columns.parts(), fingerprint=False), columns, window="month")
    assert counted.rows == int(file.stem)  # noqa: S101 -- nothing lost, nothing counted twice
    return len(counted)


if __name__ == "__main__":
    for name in ("duckdb", "narwhals.stable.v2", "pandas"):
        __import__(name)
    start = time.process_time()
    cells = {"hand": by_hand, "ours": ours}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
    spent = time.process_time() - start
    print(json.dumps([spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, cells]))
