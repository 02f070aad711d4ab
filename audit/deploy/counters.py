"""What a service counts, in the text that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Counters:
    """Requests by status, rows, and how long requests took.

    Examples
    --------
    >>> counters = Counters()
    >>> counters.add(200, rows=2, seconds=0.003)
    >>> 'modelassay_requests_total{code="200"} 1' in counters.text({})
    True
    """

    requests: Counter[int] = field(default_factory=Counter)
    rows: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0

    def add(self, status: int, *, rows: int, seconds: float) -> None:
        """Count one request."""
        self.requests[status] += 1
        self.rows += rows if status == 200 else 0
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds

    def text(self, gauges: dict[str, float]) -> str:
        """Write OpenMetrics text, with gauges of the moment."""
        lines = ["# TYPE modelassay_requests counter", "# HELP modelassay_requests Inference requests by status."]
        lines += [f'modelassay_requests_total{{code="{code}"}} {n}' for code, n in sorted(self.requests.items())]
        lines += ["# TYPE modelassay_rows counter", "# HELP modelassay_rows Rows answered."]
        lines.append(f"modelassay_rows_total {self.rows}")
        lines += ["# TYPE modelassay_request_seconds histogram", "# UNIT modelassay_request_seconds seconds"]
        running = 0
        for bound, n in zip((*map(str, BUCKETS), "+Inf"), self.buckets, strict=True):
            running += n
            lines.append(f'modelassay_request_seconds_bucket{{le="{bound}"}} {running}')
        lines += [f"modelassay_request_seconds_count {running}", f"modelassay_request_seconds_sum {self.seconds:.6f}"]
        for name, value in gauges.items():
            lines += [f"# TYPE modelassay_{name} gauge", f"modelassay_{name} {value:g}"]
        return "\n".join([*lines, "# EOF", ""])
