"""A record typed by hand: every kind of exhibit, every outcome, and names that mean harm."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Mapping

from reports.record import (
    AuditRecord,
    Bar,
    Bars,
    Card,
    Curve,
    DataInfo,
    Environment,
    Estimate,
    FeatureInfo,
    Finding,
    Forest,
    ForestRow,
    Gate,
    GroupInfo,
    Image,
    Matrix,
    Measurement,
    ModelInfo,
    Policy,
    Prose,
    Series,
    Source,
    SplitInfo,
    Table,
    Verdict,
    VerdictOutcome,
    Waiver,
)

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "::error::owned",
    "a|b`c`",
    "\"quoted\" & 'single'",
    "two\nlines\r\nand\ttabs",
    "=1+1",
    "\u202egnp.exe",
    "$\\frac{1}{0}$ _x_ ^y^",
    "😀👩‍👩‍👧 emoji",
    "{{ 7*7 }}{% raw %}",
    "\x1b[31mred\x00\x07",
    "@admin [link](javascript:alert(1)) ![i](http://x)",
    "]]> <!-- --> &amp; &#x3c;",
    "long " + "x" * 10_000,
)


def pixels(width: int = 8, height: int = 8) -> str:
    """Return a small gray PNG as base64."""
    rows = b"".join(b"\x00" + bytes((x * y * 4) % 256 for x in range(width)) for y in range(height))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return base64.b64encode(png).decode()


def named(label: str) -> dict[str, str]:
    """Turn ``feature=level`` into an address."""
    key, _, value = label.partition("=")
    return {key: value}


def estimate(
    metric: str,
    value: float,
    n: int,
    where: Mapping[str, str] | None = None,
    *,
    half: float = 0.0,
    unit: str = "proportion",
) -> Estimate:
    """Return an estimate with a plausible interval."""
    half = half or 1.96 * math.sqrt(max(value * (1 - value), 0.01) / n)
    return Estimate(
        metric=metric,
        value=value,
        low=round(value - half, 4),
        high=round(value + half, 4),
        method="wilson",
        n=n,
        where={"split": "test", **(where or {})},
        unit=unit,
    )


GROUPS = (
    ("sex=Female", 0.51, 5421),
    ("sex=Male", 0.66, 10860),
    ("race=Amer-Indian-Eskimo", 0.44, 159),
    ("race=Asian-Pac-Islander", 0.67, 480),
    ("race=Black", 0.55, 1561),
    ("race=Other", 0.38, 25),
    ("race=White", 0.63, 13946),
)


def forest() -> Forest:
    """Return recall by group, with one group too small and one undefined."""
    rows = [
        ForestRow(
            label=name.replace("=", ": "),
            value=value,
            low=value - 1.9 * math.sqrt(value * (1 - value) / n),
            high=min(1.0, value + 1.9 * math.sqrt(value * (1 - value) / n)),
            n=n,
            hollow=n < 30,
        )
        for name, value, n in GROUPS
    ]
    rows.append(ForestRow(label="race: Unknown, sex: Female", value=None, n=12, reason="no positive rows"))
    return Forest(
        title="Recall by group",
        x_label="recall",
        rows=tuple(rows),
        reference=0.61,
        caption="The line stands at the overall recall.",
    )


def ratios() -> Forest:
    """Return ratios on a logarithmic scale, under hostile labels."""
    rows = tuple(
        ForestRow(label=name, value=0.5 + 0.06 * k, low=0.42 + 0.06 * k, high=0.61 + 0.06 * k, n=100 + k)
        for k, name in enumerate(HOSTILE)
    )
    return Forest(title="Selection rate ratio", x_label="ratio", rows=rows, reference=1.0, log_scale=True)


def curves() -> tuple[Curve, Curve]:
    """Return a ROC curve with a band and a loss curve."""
    x = tuple(k / 60 for k in range(61))
    y = tuple(1 - (1 - one) ** 3 for one in x)
    band = (tuple(max(0.0, one - 0.03) for one in y), tuple(min(1.0, one + 0.03) for one in y))
    roc = Curve(
        title="ROC curve",
        x_label="false positive rate",
        y_label="true positive rate",
        series=(Series(name="test", x=x, y=y, low=band[0], high=band[1]),),
        diagonal=True,
        unit_square=True,
        caption="The shaded band is pointwise, 95%.",
    )
    steps = tuple(float(k) for k in range(1, 31))
    losses = Curve(
        title="Loss by epoch",
        x_label="epoch",
        y_label="log loss",
        series=(
            Series(name="training", x=steps, y=tuple(0.3 + 0.4 / k for k in steps)),
            Series(name="validation", x=steps, y=tuple(0.36 + 0.35 / k + 0.002 * k for k in steps), style="dashed"),
            Series(name="chosen", x=(13.0,), y=(0.4129,), style="points"),
        ),
    )
    return roc, losses


def findings() -> tuple[Finding, ...]:
    """Return one finding a section, and one of a family that no section knows."""
    roc, losses = curves()
    confusion = Matrix(
        title="Confusion matrix",
        row_label="outcome",
        column_label="prediction",
        rows=("<=50K", ">50K"),
        columns=("<=50K", ">50K"),
        values=((11620.0, 815.0), (1504.0, 2342.0)),
    )
    bars = Bars(
        title="Mean absolute attribution",
        x_label="log-odds",
        bars=(
            *(Bar(label=one, value=0.9 / k, low=0.8 / k, high=1.0 / k) for k, one in enumerate(HOSTILE[:9], start=1)),
            Bar(label="capital_loss", value=-0.05),
        ),
        caption="Strongest first.",
    )
    missing = Table(
        title="Missing values",
        columns=("feature", "rows", "share"),
        rows=(("age", 0, 0.0), (HOSTILE[1], 12, 0.00074), ("occupation", 966, 0.0593), ("empty", None, None)),
        caption="Share of rows without a value.",
    )
    overall = (
        estimate("accuracy", 0.8576, 16281),
        estimate("recall", 0.609, 3846, {"class": ">50K"}),
        estimate("roc_auc", 0.9121, 16281, half=0.005, unit="score"),
        Estimate(metric="rows", value=16281, method="count", unit="count", where={"split": "test"}),
    )
    by_group = [
        estimate(metric, scale * value, n, named(name))
        for name, value, n in GROUPS
        for metric, scale in (("recall", 1.0), ("selection_rate", 0.3))
    ]
    by_group.append(Estimate(metric="recall", value=None, reason="no positive rows", where={"race": "Unknown"}))

    def measured(check: str, title: str, family: str, summary: str, **parts: object) -> Finding:
        return Finding(
            check=check,
            title=title,
            family=family,
            revision=1,
            outcome="measured",
            measurement=Measurement(summary=summary, **parts),  # type: ignore[arg-type]
            about="What it says.\n\nReading: higher is better.\n\nLimits: it speaks of these rows alone.",
            references=("doi:10.1145/3287560.3287596", "https://example.org/paper", "javascript:alert(1)", HOSTILE[0]),
            options={"bins": 15, "name": HOSTILE[1]},
        )

    return (
        measured("data_quality", "Missing values", "data", "3 of 14 features have missing "
        "values.", exhibits=(missing,)),
        measured(
            "classification",
            "Classification metrics",
            "performance",
            "Accuracy is 0.858 [0.852, 0.863] on 16,281 rows.",
            estimates=overall,
            exhibits=(confusion, roc),
            notes=("Scores were rounded to 6 digits.", HOSTILE[0]),
        ),
        measured(
            "group_performance",
            "Performance by group",
            "groups",
            "Recall runs from 0.380 to 0.670.",
            estimates=tuple(by_group),
            exhibits=(forest(),),
        ),
        measured("disparities", HOSTILE[1], "fairness", f"Worst: {HOSTILE[0]}", exhibits=(ratios(),)),
        measured("history", "Training history", "training", "Stopped at epoch 13 of 30.", exhibits=(losses,)),
        measured(
            "attribution",
            "Attribution ranking",
            "explanations",
            "One feature holds 31% of the mean absolute attribution.",
            exhibits=(
                bars,
                Image(title="Saliency", png_base64=pixels(), width=8, height=8, alt="Brighter to the lower right"),
                Image(title="Not a picture", png_base64="PHNjcmlwdD4=", width=8, height=8, alt="<script>"),
                Prose(title="In words", text="First paragraph.\n\n" + HOSTILE[0]),
            ),
        ),
        measured(HOSTILE[0], HOSTILE[12], "third-party <b>", "A plug-in measured this."),
        Finding(
            check="lime", title="LIME", family="explanations", revision=1, outcome="skipped",
            reason="LIME attributions need 'lime'. Run: pip install 'modelassay[explain]'",
        ),
        Finding(
            check="regression", title="Regression metrics", family="performance", revision=1,
            outcome="not_applicable", reason="the task is binary",
        ),
        Finding(
            check="noise", title="Noise", family="robustness", revision=2, outcome="error",
            reason=f"ValueError: {HOSTILE[11]}",
        ),
    )  # fmt: skip


def extent(value: float, low: float, high: float) -> Estimate:
    """Return how many rows per 1,000 would have to come out differently."""
    return Estimate(metric="extent", value=value, low=low, high=high, method="linear", n=16281, unit="rows per 1,000")


def gates() -> tuple[Gate, ...]:
    """Return gates of every kind and severity."""
    star = {"*": "*"}
    return (
        Gate(id="PERF001", title="no-skill", check="skill", metric="roc_auc", threshold=0.5, severity="error",
             on_inconclusive="block", because="A model must beat the best constant.", remedy="Look at the labels.",
             from_catalogue=True, decided="proof"),
        Gate(id="PERF003", title="class-neglected", check="classification", metric="recall", where={"class": "*"},
             threshold=0.5, remedy="Weigh the class.", from_catalogue=True, topic="recall of each class"),
        Gate(id="FAIR001", title="selection-rate-ratio", check="disparities", metric="selection_rate", where=star,
             kind="ratio", reference="most_favored", threshold=0.8, remedy="Look at the threshold of this group.",
             evidence_for=("nyc-ll144:impact-ratio", "us-ugesp:1607.4(D)"), from_catalogue=True,
             topic="selection rates by group"),
        Gate(id="FAIR002", title="true-positive-rate-gap", check="disparities", metric="recall", where=star,
             kind="difference", reference="largest", op="abs<=", threshold=0.1, from_catalogue=True),
        Gate(id="BASE001", title="regression", check="comparison", metric="roc_auc", kind="no_regression",
             threshold=-0.01, severity="error", from_catalogue=True),
        Gate(id="CAL002", title="overconfident", check="calibration", metric="calibration_slope", op="between",
             threshold=(0.8, 1.25), from_catalogue=True),
        Gate(id="GEN004", title="more-data-helps", check="learning", metric="expected_gain", op="<=", threshold=0.02,
             severity="note", from_catalogue=True),
        Gate(id=HOSTILE[0], title=HOSTILE[3], check="classification", metric=HOSTILE[1], where={HOSTILE[2]: HOSTILE[5]},
             threshold=0.5, remedy=HOSTILE[12]),
    )  # fmt: skip


def verdicts() -> tuple[Verdict, ...]:
    """Return verdicts of every outcome."""

    def one(gate: str, outcome: VerdictOutcome, found: Estimate | None, **more: object) -> Verdict:
        severity = {"PERF001": "error", "BASE001": "error", "GEN004": "note"}.get(gate, "warning")
        where = found.where if found else {"split": "test"}
        return Verdict(gate=gate, where=where, outcome=outcome, severity=severity, estimate=found, **more)  # type: ignore[arg-type]

    ratio = [
        Estimate(metric="selection_rate_ratio", value=v, low=v - 0.05, high=v + 0.05, method="score", n=n, unit="ratio",
                 where=named(name))
        for (name, v, n) in GROUPS
    ]  # fmt: skip
    return (
        one("PERF001", "pass", estimate("roc_auc", 0.9121, 16281, half=0.005, unit="score"),
            message="Better than chance."),
        one("PERF003", "pass", estimate("recall", 0.934, 12435, {"class": "<=50K"})),
        one("PERF003", "pass", estimate("recall", 0.609, 3846, {"class": ">50K"})),
        one("FAIR001", "fail", ratio[0], p_adjusted=0.0004, message="The upper limit 0.560 lies below 0.8.",
            next_step="Look at the rows of sex: Female just below the threshold.",
            source=Source(file="gates.toml", line=21), extent=extent(36.2, 31.0, 41.9), rank=1),
        one("FAIR001", "fail", ratio[2], p_adjusted=0.01, extent=extent(1.1, 0.5, 1.8), rank=2,
            message="The upper limit 0.490 lies below 0.8."),
        one("FAIR001", "pass", ratio[3]),
        one("FAIR001", "inconclusive", ratio[4], n_needed=2130, detectable=0.07, message="The interval holds 0.8."),
        one("FAIR001", "not_assessed", ratio[5], message="25 rows; at least 30 are asked for."),
        one("FAIR002", "waived", estimate("recall_difference", -0.15, 5421, {"sex": "Female"}, unit="difference"),
            message="Waived by a.person@example.org until 2030-12-31."),
        one("BASE001", "not_assessed", None, message="No baseline was given."),
        one("CAL002", "error", None, message="No finding holds calibration_slope."),
        one("GEN004", "fail", estimate("expected_gain", 0.03, 900, half=0.005, unit="difference"),
            next_step="Label more rows."),
        one(HOSTILE[0], "inconclusive",
            Estimate(metric=HOSTILE[1], value=0.5, low=0.4, high=0.6, n=40, where={HOSTILE[2]: HOSTILE[5]}),
            message=HOSTILE[12], next_step=HOSTILE[0], n_needed=4000, source=Source(file="gates,\n:.toml", line=3)),
    )  # fmt: skip


def record() -> AuditRecord:
    """Return the whole record."""
    return AuditRecord(
        tool="modelassay 0.1.0",
        created="2026-11-20T12:00:00+00:00",
        seed=0,
        task="binary",
        headline="roc_auc",
        model=ModelInfo(
            name="income-boosting", kind="HistGradientBoostingClassifier", format="skops", file="model.skops",
            sha256="a" * 64, size_bytes=412_331, parameters={"max_iter": "200", HOSTILE[0]: HOSTILE[1]},
            notes=("Columns are taken in the order of the file.", HOSTILE[1]),
        ),
        data=DataInfo(
            target="income", positive=">50K", favorable=">50K", classes=("<=50K", ">50K"),
            names={"sex": {"Female": "women", HOSTILE[0]: HOSTILE[1]}},
            read_as_missing={"workclass": {"?": 963}, HOSTILE[1]: {HOSTILE[0]: 2}},
            splits=(
                SplitInfo(name="train", rows=32561, file="adult_train.csv", sha256="b" * 64),
                SplitInfo(name="test", rows=16281, file="adult_test.csv", sha256="c" * 64, dropped_rows=3),
            ),
            features=(FeatureInfo(name="age", kind="numeric"), *(FeatureInfo(name=n, kind="text") for n in HOSTILE)),
            sensitive=("sex", "race", HOSTILE[1]),
            groups=(
                GroupInfo(feature="sex", level="Female", rows=5421),
                GroupInfo(feature="sex", level="Male", rows=10860),
                GroupInfo(feature="race", level="Other", rows=None),
                GroupInfo(feature=HOSTILE[1], level=HOSTILE[0], rows=31),
            ),
            missing_sensitive={"sex": 0, "race": None},
        ),
        environment=Environment(
            python="3.11.9", platform="Linux x86_64", packages={"numpy": "2.4.6", "scikit-learn": "1.9.1"}
        ),
        config={"data": {"target": "income", "sensitive": ["sex", "race"]}, HOSTILE[0]: HOSTILE[1]},
        findings=findings(),
        policy=Policy(
            name="default", file="gates.toml", sha256="d" * 64, committed="2026-11-19T08:00:00+00:00", gates=gates(),
            lines={"FAIR001": 21, "CAL002": 40},
            waivers=(
                Waiver(gate="FAIR002", owner="a.person@example.org", reason="Relabeling under way",
                       expires="2030-12-31",
                       where={"sex": "Female"}, created="2026-10-01", ticket="RISK-231", limit=0.2),
            ),
        ),
        verdicts=verdicts(),
        card=Card(
            name="Adult income", version="1.2.0", owner="Risk analytics", license="Apache-2.0",
            intended_use="Ranking of outreach letters.\n\nNot for decisions about a person.",
            out_of_scope_use=HOSTILE[0], overview="A gradient boosting model on census rows. See http://example.org",
        ),
        warnings=("2 rows were dropped.", HOSTILE[11]),
        reused=("classification",),
        partial="Stopped after 600 seconds.",
    )  # fmt: skip
