"""Any valid audit record, with names that mean harm."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from reports.record import (
    AuditRecord,
    Bar,
    Bars,
    Card,
    Curve,
    DataInfo,
    Environment,
    Estimate,
    Exhibit,
    FeatureInfo,
    Finding,
    FindingOutcome,
    Forest,
    ForestRow,
    Gate,
    GroupInfo,
    Image,
    Json,
    Matrix,
    Measurement,
    ModelInfo,
    Operator,
    PairedGroups,
    Pairing,
    Policy,
    Prose,
    Series,
    Source,
    SplitInfo,
    Table,
    Verdict,
    Waiver,
)

MARKER = "owned7"
"""Stands in every piece of markup that a name tries to smuggle in; no template of ours holds it."""
PIECES = (
    f"<script>{MARKER}</script>", f"</script><{MARKER}>", f'"><img src=x on{MARKER}=1>', f"' on{MARKER}='1",
    f"</title><{MARKER}>", f"<!-- {MARKER} -->", f"]]><{MARKER}/>", f"&lt;{MARKER}&gt;", f"::error::{MARKER}",
    f"##[error]{MARKER}", f"|{MARKER}|", f"`{MARKER}`", f"[{MARKER}](javascript:1)", f"@{MARKER}",
    f"\n::error::{MARKER}",
    f"{{{{ {MARKER} }}}}", f"$\\frac{{{MARKER}}}$", "\u202e", "\x00", "\x1b[31m", "\r\n", "\t", "😀", "é", "=1+1",
    "https://example.org/?a=<b>", "x" * 300, "", " ",
)  # fmt: skip

plain = st.text(alphabet=string.ascii_lowercase + string.digits + "_", min_size=1, max_size=12)
names = st.one_of(
    plain,
    st.sampled_from(PIECES),
    st.lists(st.sampled_from(PIECES), min_size=2, max_size=3).map("".join),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20),
)
reals = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from([0.0, -0.0, 1.0, 0.5, 1e-12, -1e300, 1e300, 5e-324]),
)
counts = st.integers(min_value=0, max_value=10**9)
hashes = st.sampled_from(["", "a" * 64, "0123456789abcdef" * 4])
wheres = st.dictionaries(st.one_of(st.sampled_from(["split", "sex", "*"]), names), names, max_size=3)
words = st.dictionaries(names, names, max_size=3)


def tuples(values: st.SearchStrategy[object], most: int = 3, least: int = 0) -> st.SearchStrategy[tuple[object, ...]]:
    """Return short tuples of `values`."""
    return st.lists(values, min_size=least, max_size=most).map(tuple)


@st.composite
def spans(draw: st.DrawFn) -> dict[str, float | None]:
    """Return a value with an interval that holds it, or parts of one."""
    low, value, high = sorted(draw(st.tuples(reals, reals, reals)))
    return {
        "value": value,
        "low": draw(st.sampled_from([low, None])),
        "high": draw(st.sampled_from([high, None])),
    }


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    """Return an estimate, perhaps undefined."""
    known = draw(st.booleans())
    parts = draw(spans()) if known else {"value": None}
    return Estimate(
        metric=draw(names),
        **parts,
        level=draw(st.sampled_from([0.95, 0.9, 0.99])),
        method=draw(st.one_of(st.sampled_from(["wilson", "count", ""]), names)),
        n=draw(st.none() | counts),
        where=draw(wheres),
        unit=draw(st.sampled_from(["proportion", "score", "difference", "ratio", "count", "p-value", "", "dollars"])),
        reason=draw(names) if known else draw(names) or "no rows",
    )


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Return a table with cells of every type."""
    columns = draw(st.lists(names, max_size=3))
    cells = st.one_of(st.none(), names, st.integers(-(2**53), 2**53), reals)
    row = st.tuples(*(cells for _ in columns))
    return Table(
        title=draw(names),
        columns=tuple(columns),
        rows=tuple(draw(st.lists(row, max_size=3))),
        caption=draw(names),
        folded=draw(st.booleans()),
    )


@st.composite
def series(draw: st.DrawFn) -> Series:
    """Return a line with or without a band."""
    n = draw(st.integers(0, 4))
    column = st.lists(reals, min_size=n, max_size=n).map(tuple)
    return Series(
        name=draw(names),
        x=draw(column),
        y=draw(column),
        low=draw(st.none() | column),
        high=draw(st.none() | column),
        style=draw(st.sampled_from(["line", "points", "dashed"])),
    )


@st.composite
def matrices(draw: st.DrawFn) -> Matrix:
    """Return a grid, perhaps an empty one."""
    rows, columns = draw(st.lists(names, max_size=3)), draw(st.lists(names, max_size=3))
    line = st.lists(reals, min_size=len(columns), max_size=len(columns)).map(tuple)
    return Matrix(
        title=draw(names),
        row_label=draw(names),
        column_label=draw(names),
        rows=tuple(rows),
        columns=tuple(columns),
        values=tuple(draw(st.lists(line, min_size=len(rows), max_size=len(rows)))),
        caption=draw(names),
    )


bars = st.builds(
    Bars,
    title=names,
    x_label=names,
    bars=tuples(st.builds(Bar, label=names, value=reals, low=st.none() | reals, high=st.none() | reals)),
    caption=names,
)
forest_rows = st.builds(
    ForestRow,
    label=names,
    value=st.none() | reals,
    low=st.none() | reals,
    high=st.none() | reals,
    n=st.none() | counts,
    hollow=st.booleans(),
    reason=names,
)
forests = st.builds(
    Forest,
    title=names,
    x_label=names,
    rows=tuples(forest_rows),
    reference=st.none() | reals,
    log_scale=st.booleans(),
    caption=names,
)
curves = st.builds(
    Curve,
    title=names,
    x_label=names,
    y_label=names,
    series=tuples(series()),
    diagonal=st.booleans(),
    unit_square=st.booleans(),
    caption=names,
)
images = st.builds(
    Image,
    title=names,
    png_base64=st.one_of(names, st.just("iVBORw0KGgo=")),
    width=st.integers(-1, 100),
    height=st.integers(0, 100),
    alt=names,
    caption=names,
)
proses = st.builds(Prose, title=names, text=names)
exhibits: st.SearchStrategy[Exhibit] = st.one_of(tables(), curves, bars, forests, matrices(), images, proses)
measurements = st.builds(
    Measurement, summary=names, estimates=tuples(estimates(), 4), exhibits=tuples(exhibits, 3), notes=tuples(names, 2)
)
jsons: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), reals, names),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
families = st.one_of(
    st.sampled_from(
        ["data", "performance", "groups", "fairness", "training", "slices", "comparison", "card", "artifact"]
    ),
    names,
)


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    """Return a finding whose outcome fits its measurement."""
    outcomes: list[FindingOutcome] = ["measured", "not_applicable", "skipped", "error"]
    outcome = draw(st.sampled_from(outcomes))
    return Finding(
        check=draw(names),
        title=draw(names),
        family=draw(families),
        revision=draw(st.integers(1, 9)),
        outcome=outcome,
        reason="" if outcome == "measured" else draw(names) or "no reason given",
        measurement=draw(measurements) if outcome == "measured" else None,
        about=draw(names),
        references=draw(tuples(names, 2)),  # type: ignore[arg-type]
        options=draw(st.dictionaries(names, jsons, max_size=2)),
        seconds=draw(st.floats(0, 1e6)),
    )


@st.composite
def gates(draw: st.DrawFn) -> Gate:
    """Return a gate whose threshold fits its operator."""
    operators: list[Operator] = [">=", "<=", "abs<=", "between"]
    op = draw(st.sampled_from(operators))
    return Gate(
        id=draw(st.sampled_from(["G1", "G2"]) | names),
        title=draw(names),
        check=draw(names),
        metric=draw(names),
        where=draw(wheres),
        kind=draw(st.sampled_from(["value", "difference", "ratio", "no_regression"])),
        reference=draw(st.one_of(st.sampled_from(["", "largest", "most_favored", "overall"]), names, words)),
        op=op,
        threshold=draw(st.tuples(reals, reals)) if op == "between" else draw(reals),
        severity=draw(st.sampled_from(["error", "warning", "note", "off"])),
        on_inconclusive=draw(st.sampled_from(["block", "warn", "pass"])),
        min_n=draw(counts),
        min_share=draw(st.floats(0, 1)),
        family=draw(names),
        because=draw(names),
        remedy=draw(names),
        references=draw(tuples(names, 2)),  # type: ignore[arg-type]
        evidence_for=draw(tuples(names, 2)),  # type: ignore[arg-type]
    )


verdicts = st.builds(
    Verdict,
    gate=st.sampled_from(["G1", "G2"]) | names,
    where=wheres,
    outcome=st.sampled_from(["pass", "fail", "inconclusive", "error", "waived", "not_assessed"]),
    severity=st.sampled_from(["error", "warning", "note", "off"]),
    estimate=st.none() | estimates(),
    n_needed=st.none() | counts,
    detectable=st.none() | reals,
    p_adjusted=st.none() | st.floats(0, 1),
    message=names,
    next_step=names,
    source=st.none() | st.builds(Source, file=names, line=st.integers(0, 10**6)),
)
policies = st.builds(
    Policy,
    name=names,
    file=names,
    sha256=hashes,
    committed=names,
    confidence=st.sampled_from([0.9, 0.95]),
    correction=st.sampled_from(["holm", "none"]),
    margin=st.floats(0, 1),
    gates=tuples(gates()),
    waivers=tuples(
        st.builds(Waiver, gate=names, owner=names, reason=names, expires=names, where=wheres, limit=st.none() | reals),
        2,
    ),
    lines=st.dictionaries(names, st.integers(0, 10**6), max_size=2),
)
models = st.builds(
    ModelInfo,
    name=names,
    kind=names,
    format=names,
    file=names,
    sha256=hashes,
    size_bytes=st.none() | counts,
    runs_code=st.booleans(),
    parameters=words,
    training=words,
)
datas = st.builds(
    DataInfo,
    target=names,
    positive=names,
    classes=tuples(names),
    splits=tuples(st.builds(SplitInfo, name=names, rows=counts, file=names, sha256=hashes, dropped_rows=counts)),
    features=tuples(
        st.builds(
            FeatureInfo, name=names, kind=st.sampled_from(["numeric", "categorical", "boolean", "datetime", "text"])
        )
    ),
    sensitive=tuples(names),
    groups=tuples(st.builds(GroupInfo, feature=names, level=names, rows=st.none() | counts)),
    missing_sensitive=st.dictionaries(names, st.none() | counts, max_size=2),
    weight=names,
    cluster=names,
    time=names,
)
cards = st.builds(Card, **dict.fromkeys(Card.__dataclass_fields__, names))
pairings = st.builds(
    Pairing,
    fingerprint=hashes,
    rows=st.just(100),
    kept=st.integers(0, 100),
    y_true=plain,
    y_pred=plain,
    y_score=st.just("") | plain,
    score_scale=st.sampled_from(["", "logit", "rank"]),
    ranges=tuples(reals),
    groups=tuples(st.builds(PairedGroups, feature=names, levels=tuples(names), codes=plain), 2),
)
_whole = st.builds(
    AuditRecord,
    tool=names,
    created=names | st.just("2026-11-20T12:00:00+00:00"),
    seed=st.integers(0, 2**53),
    task=st.sampled_from(["binary", "multiclass", "regression"]),
    model=models,
    data=datas,
    environment=st.builds(Environment, python=names, platform=names, packages=words),
    headline=names,
    config=st.dictionaries(names, jsons, max_size=2),
    findings=tuples(findings()),
    policy=policies,
    verdicts=tuples(verdicts, 5),
    card=cards,
    warnings=tuples(names, 2),
    pairing=st.none() | pairings,
)
records: st.SearchStrategy[AuditRecord] = st.deferred(lambda: _whole)
"""Any record that the types allow; deferred, since its description would fill a screen."""
