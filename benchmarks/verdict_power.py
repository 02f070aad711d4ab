"""Power: how often a rule fails what is past its threshold, and what stands right at it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from audit.evidence import Predictions
from benchmarks import verdict_worlds as worlds
from benchmarks.verdict_alarms import generator
from benchmarks.verdict_judging import verdicts, verdicts_on_change
from reports.record import Verdict

Judge = Callable[[np.random.Generator, int, float], tuple[Verdict, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One number of one rule, in data where its truth is `fine`, right at the `limit`, or `beyond` it."""

    code: str
    title: str
    metric: str
    judge: Judge
    """Draws `n` test rows with a truth and returns all verdicts of the rule."""
    fine: float
    limit: float
    beyond: float
    threshold: float
    """The truth at which the gate turns, on the scale of its number."""
    planted: bool = False
    """Whether the first group alone is past the threshold."""

    def speaks(self, verdict: Verdict) -> bool:
        """Tell whether a verdict is on the number that was moved."""
        if verdict.gate != self.code or verdict.estimate is None or verdict.estimate.metric != self.metric:
            return False
        where = verdict.estimate.where
        return where.get("class", "b") in ("b", "yes") and (not self.planted or where.get("feature1") == "g00")


def groups_of(count: int, n: int) -> np.ndarray:
    """Return sizes of groups of which the last is the largest, so the reference; of two the first is half as big."""
    layout = worlds.sizes(count, n, equal=count > 2)
    layout[-1] += 1
    return layout


def group_cases(count: int) -> Iterable[Case]:
    """Yield the rules on groups, of which there are `count`."""

    def of(code: str, make: Callable[..., Predictions]) -> Judge:
        return lambda rng, n, truth: verdicts(make(rng, groups_of(count, n), truth), (code,), rng)

    gap = "difference"
    for code, metric, limit, threshold in (
        ("FAIR001", "selection_rate_ratio", 0.2, 0.8),
        ("FAIR002", f"true_positive_rate_{gap}", 0.1, -0.1),
        ("FAIR003", f"false_positive_rate_{gap}", 0.1, 0.1),
        ("FAIR004", f"precision_{gap}", 0.1, -0.1),
        ("FAIR005", f"error_rate_{gap}", 0.05, 0.05),
        ("FAIR006", f"roc_auc_{gap}", 0.05, -0.05),
    ):
        make = lambda rng, layout, step, code=code: worlds.moved(rng, layout, code, step)  # noqa: E731
        yield Case(code=code, title=metric, metric=metric, judge=of(code, make), fine=0.0, limit=limit,
                   beyond=2 * limit, threshold=threshold, planted=True)  # fmt: skip
    yield Case(
        code="FAIR008", title="mean error", metric="standardized_mean_error", fine=0.0, limit=0.1, beyond=0.2,
        judge=of("FAIR008", lambda rng, layout, step: worlds.numbers(rng, [layout], slant=step)), threshold=0.1,
        planted=True,
    )  # fmt: skip
    yield Case(
        code="FAIR008", title="ratio of absolute errors", metric="mean_absolute_error_ratio", fine=1.0, limit=1.25,
        judge=of("FAIR008", lambda rng, layout, step: worlds.numbers(rng, [layout], wider=step)), beyond=1.5,
        threshold=1.25, planted=True,
    )  # fmt: skip
    yield Case(
        code="FAIR009", title="class rate ratio", metric="selection_rate_ratio", fine=1.0, limit=0.8, beyond=0.6,
        judge=of("FAIR009", lambda rng, layout, step: worlds.classes(rng, [layout], rarer=step)), threshold=0.8,
        planted=True,
    )  # fmt: skip
    yield Case(
        code="FAIR009", title="class TPR", metric="true_positive_rate_difference", fine=0.0, limit=0.1, beyond=0.2,
        judge=of("FAIR009", lambda rng, layout, step: worlds.classes(rng, [layout], lost=step)), threshold=-0.1,
        planted=True,
    )  # fmt: skip
    yield Case(
        code="CAL003", title="mean score minus rate", metric="mean_calibration_gap", fine=0.0, limit=0.05, beyond=0.1,
        judge=of("CAL003", worlds.promised), threshold=0.05, planted=True,
    )  # fmt: skip


def model_cases() -> Iterable[Case]:
    """Yield the rules on the model as a whole, and on its change."""

    def of(code: str, make: Callable[..., Predictions]) -> Judge:
        return lambda rng, n, truth: verdicts(make(rng, n, truth), (code,), rng)

    def change(code: str, count: int, headline: str) -> Judge:
        return lambda rng, n, loss: verdicts_on_change(
            *worlds.releases(rng, groups_of(count, n) if count > 1 else np.array([n]), loss, headline), code
        )

    yield Case(code="GEN001", title="train − test accuracy", metric="train_test_gap", fine=0.0, limit=0.05, beyond=0.1,
               judge=of("GEN001", worlds.learned), threshold=0.05)  # fmt: skip
    yield Case(
        code="CAL001", title="calibration error", metric="calibration_error", fine=0.0, limit=0.05, beyond=0.1,
        judge=of("CAL001", lambda rng, n, error: worlds.stretched(rng, n, worlds.stretch_of(error))), threshold=0.05,
    )  # fmt: skip
    for limit, beyond in ((0.8, 0.6), (1.25, 1.5)):
        yield Case(
            code="CAL002", title="calibration slope", metric="calibration_slope", fine=1.0, limit=limit, beyond=beyond,
            judge=of("CAL002", lambda rng, n, slope: worlds.stretched(rng, n, 1 / slope)), threshold=limit,
        )  # fmt: skip
    yield Case(code="PERF001", title="skill of the ROC AUC", metric="skill_over_constant", fine=0.1, limit=0.0,
               beyond=-0.1, judge=of("PERF001", lambda rng, n, over: worlds.ranked(rng, n, 0.5 + over)),
               threshold=0.0)  # fmt: skip
    yield Case(code="PERF003", title="recall of a class", metric="recall", fine=0.75, limit=0.5, beyond=0.25,
               judge=of("PERF003", worlds.found), threshold=0.5)  # fmt: skip
    yield Case(
        code="PERF005", title="gain of another threshold", metric="threshold_gain", fine=0.0, limit=0.05, beyond=0.1,
        judge=of("PERF005", lambda rng, n, gain: worlds.ranked(rng, n, 0.85, worlds.cut_of(gain, 0.85))),
        threshold=0.05,
    )  # fmt: skip
    for headline in ("accuracy", "roc_auc"):
        yield Case(code="BASE001", title=f"loss of {headline}", metric="headline_gain",
                   judge=change("BASE001", 1, headline), fine=0.0, limit=0.01, beyond=0.02,
                   threshold=-0.01)  # fmt: skip
    yield Case(code="BASE002", title="loss of accuracy in one of two groups", metric="headline_gain",
               judge=change("BASE002", 2, "accuracy"), fine=0.0, limit=0.01, beyond=0.02, threshold=-0.01,
               planted=True)  # fmt: skip


def counted(case: Case, n: int, truth: float, audits: int, setting: str) -> tuple[float, float, float]:
    """Return the shares of audits in which the rule fails at all, fails the moved number, and passes it."""
    rng = generator("power", case.code, case.title, setting, n, truth)
    any_failed = caught = passed = 0
    for _ in range(audits):
        found = case.judge(rng, n, truth)
        spoken = [one for one in found if case.speaks(one)]
        any_failed += any(one.outcome == "fail" for one in found)
        caught += any(one.outcome == "fail" for one in spoken)
        passed += bool(spoken) and all(one.outcome == "pass" for one in spoken)
    return any_failed / audits, caught / audits, passed / audits


def _rows(cases: Iterable[Case], sizes: Iterable[int], audits: int, setting: str) -> list[str]:
    rows = []
    for case in cases:
        for n in sizes:
            fine = counted(case, n, case.fine, audits, setting)
            limit = counted(case, n, case.limit, audits, setting)
            beyond = counted(case, n, case.beyond, audits, setting)
            shares = (fine[0], fine[2], limit[0], limit[2], beyond[1], beyond[2])
            cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
            name = f"{case.title}, {case.limit:g}" if case.code == "CAL002" else case.title
            rows.append(f"| {case.code} | {name} | {setting}{n:,} | {cells} |")
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


_COLUMNS = ("rule", "number", "rows", "fails where all is well", "passes there", "fails at the limit",
            "passes at the limit", "fails beyond", "passes beyond")  # fmt: skip
HEAD = (
    f"| {' | '.join(_COLUMNS)} |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
)


def groups(audits: int) -> list[str]:
    """Rules on groups: two of them (one to two), and five of which one is treated otherwise."""
    rows = []
    for count in (2, 5):
        rows += _rows(group_cases(count), (1_000, 3_000, 10_000, 30_000), audits, f"{count} groups, ")
    return [*HEAD, *rows]


def models(audits: int) -> list[str]:
    """Rules on the whole model."""
    return [*HEAD, *_rows(model_cases(), (500, 2_000, 8_000, 30_000), audits, "")]
