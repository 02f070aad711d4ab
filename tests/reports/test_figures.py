from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import matplotlib
import pytest

from reports.record import AuditRecord, Curve, Estimate, Exhibit, Finding, Matrix, Measurement, Series

matplotlib.use("agg")
HOSTILE = "$x^{ <b> \x1b"


@pytest.fixture
def drawn(record: AuditRecord) -> AuditRecord:
    line = Series(
        name=HOSTILE, x=(0.0, 0.4, 1.0), y=(0.0, 0.8, 1.0), low=(0.0, 0.7, 1.0), high=(0.0, 0.9, 1.0), mark=(0.4, 0.8),
        mark_name="threshold in use",
    )  # fmt: skip
    curve = Curve(title="ROC curve", x_label=HOSTILE, y_label="found", series=(line,), diagonal=True, unit_square=True)
    matrix = Matrix(
        title="Confusion matrix", row_label="true", column_label="said", rows=("0", HOSTILE), columns=("0", HOSTILE),
        values=((50, 5), (7, 38)),
    )  # fmt: skip
    groups = tuple(
        Estimate(metric="selection_rate", value=value, low=value - 0.1, high=value + 0.1, n=90, where={"sex": level})
        for level, value in (("f", 0.3), (HOSTILE, 0.5))
    )
    titled: dict[str, Exhibit] = {
        "roc": curve,
        "roc_by_group": replace(curve, title="ROC curves by sex"),
        "calibration": replace(curve, title="Reliability"),
        "score_histogram": replace(curve, title="Scores by class", series=(line, replace(line, style="points"))),
        "confusion": matrix,
    }
    findings = tuple(
        Finding(
            check=check, title=check, family="performance", revision=1, outcome="measured",
            measurement=Measurement(summary="", exhibits=(exhibit,), estimates=groups if check == "roc" else ()),
        )
        for check, exhibit in titled.items()
    )  # fmt: skip
    return replace(record, findings=findings)


def test_every_chart_shows_the_numbers_of_the_record(drawn: AuditRecord) -> None:
    from matplotlib import pyplot

    axes = drawn.plot.roc()
    assert axes.get_lines()[0].get_xydata().tolist() == [[0.0, 0.0], [0.4, 0.8], [1.0, 1.0]]
    assert drawn.plot.confusion().texts[1].get_text() == "5"
    rates = drawn.plot.rates("sex")
    assert next(tick.get_text() for tick in rates.get_yticklabels()) == "sex: f (n 90)"
    assert next(line.get_xdata()[0] for line in rates.get_lines() if len(line.get_xdata()) == 1) == 0.3
    others = [drawn.plot.roc("sex"), drawn.plot.calibration(), drawn.plot.scores(), drawn.plot.groups("sex")]
    for one in (axes, rates, *others):
        one.figure.canvas.draw()  # hostile names must not be read as formulas
    mine = pyplot.subplots()[1]
    assert drawn.plot.roc(ax=mine) is mine
    pyplot.close("all")


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        (lambda plot: plot.roc("race"), "holds no ROC curve by race; it has 'ROC curves by sex'"),
        (lambda plot: plot.scores("race"), "it has 'Scores by class'"),
        (lambda plot: plot.rates("race"), "sensitive columns: "),
        (lambda plot: plot.groups("sex", "recal"), "holds no 'recal' by 'sex'"),
    ],
)
def test_a_chart_that_is_not_there_says_what_is(drawn: AuditRecord, chart: object, said: str) -> None:
    with pytest.raises(LookupError, match=said):
        chart(drawn.plot)  # type: ignore[operator]


def test_reading_a_record_imports_nothing_heavy() -> None:
    code = (
        "import sys, reports.record, reports.figures, reports.html, modelassay\n"
        "print({'numpy', 'pandas', 'matplotlib', 'scipy', 'sklearn', 'torch'} & set(sys.modules) or 'light')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "light"
