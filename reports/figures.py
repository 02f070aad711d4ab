"""Charts of a record on matplotlib's axes, for notebooks and papers: ``report.plot.roc()``.

Nothing is measured here: each chart shows the numbers that are in the record. matplotlib is imported when
the first chart is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, assert_never

from reports.charts import MOST_NAMES
from reports.exhibit import Curve, Matrix, Series
from reports.exhibits import named_places
from reports.for_whom import rate_of_groups
from reports.lookup import Estimates
from reports.people import class_words, group_words, words_of
from reports.phrases import list_names, metric_words, visible
from reports.record import AuditRecord, Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Drawable = Curve | Matrix
Found = TypeVar("Found", Curve, Matrix)


class Plots:
    """Charts of one record; every method returns the matplotlib axes it drew on.

    Parameters
    ----------
    record : AuditRecord

    Examples
    --------
    >>> from reports.record import DataInfo, Environment, ModelInfo
    >>> record = AuditRecord(tool="modelassay", created="", seed=0, task="binary", data=DataInfo(target="y"),
    ...     model=ModelInfo(name="m", kind="", format="none"), environment=Environment())
    >>> Plots(record).roc()
    Traceback (most recent call last):
    LookupError: this record holds no ROC curve: the check 'roc' did not run
    """

    __slots__ = ("_record",)

    def __init__(self, record: AuditRecord) -> None:
        self._record = record

    def __repr__(self) -> str:
        return "Charts of a record: .roc(by) .calibration() .confusion() .scores(by) .groups(by, metric) .rates(by)"

    def roc(self, by: str = "", *, ax: Axes | None = None) -> Axes:
        """Draw the ROC curve with its band, or one curve for each group of the column `by`."""
        check = "roc_by_group" if by else "roc"
        return _draw(_exhibit(self._record, check, Curve, "ROC curve", _of(by)), ax)

    def calibration(self, *, ax: Axes | None = None) -> Axes:
        """Draw how often the outcome came, by the score that was given."""
        return _draw(_exhibit(self._record, "calibration", Curve, "calibration curve"), ax)

    def confusion(self, *, ax: Axes | None = None) -> Axes:
        """Draw the confusion matrix: rows are what is true, columns what the model said."""
        return _draw(_exhibit(self._record, "confusion", Matrix, "confusion matrix"), ax)

    def scores(self, by: str = "", *, ax: Axes | None = None) -> Axes:
        """Draw the distribution of the scores by class, or by group of the column `by`."""
        ending = _of(by) or " by class"
        return _draw(_exhibit(self._record, "score_histogram", Curve, "histogram of scores", ending), ax)

    def groups(self, by: str = "", metric: str = "", *, ax: Axes | None = None) -> Axes:
        """Draw a metric with its intervals for each group of a column.

        Parameters
        ----------
        by : str, optional
            A sensitive column of the audit; without one, the first.
        metric : str, optional
            Such as ``selection_rate``, ``true_positive_rate``, ``error_rate``; without one, selection rates of two
            classes, else right decisions or the mean size of errors.
        ax : matplotlib.axes.Axes, optional

        Raises
        ------
        LookupError
            If the record holds no such numbers.
        """
        by = by or next(iter(self._record.data.sensitive), "")
        metric = metric or rate_of_groups(self._record)
        levels = [level for level in Estimates(self._record).levels(metric, by) if level.value is not None]
        if not levels:
            raise LookupError(f"this record holds no {visible(metric)!r} by {visible(by)!r}; {_group(self._record)}")
        axes = _axes(ax)
        _whiskers(axes, [group_words(self._record, level.where) for level in levels], levels)
        axes.set_xlabel(_text(_speak(self._record, metric)))
        return axes

    def rates(self, by: str = "", *, ax: Axes | None = None) -> Axes:
        """Draw the selection rate of each group of a column: how often its people get the favorable outcome."""
        return self.groups(by, "selection_rate", ax=ax)


def _of(by: str) -> str:
    return f" by {by}" if by else ""


def _group(record: AuditRecord) -> str:
    names = list_names(map(repr, record.data.sensitive), limit=6)
    return f"sensitive columns: {names}" if names else "no sensitive columns were declared"


def _speak(record: AuditRecord, metric: str) -> str:
    favorable = record.data.favorable or record.data.positive
    of = f" ({class_words(record, favorable)})" if words_of(metric).of_decision and favorable else ""
    return metric_words(metric) + of


def _exhibit(record: AuditRecord, check: str, kind: type[Found], what: str, ending: str = "") -> Found:
    """Find an exhibit of a check by the end of its title; say why where it is not there."""
    finding = next((finding for finding in record.findings if finding.check == check), None)
    if finding is None or finding.measurement is None:
        why = "did not run" if finding is None else f"was not measured: {visible(finding.reason, 200)}"
        raise LookupError(f"this record holds no {what}: the check {check!r} {why}")
    alike = [exhibit for exhibit in finding.measurement.exhibits if isinstance(exhibit, kind)]
    match = next((exhibit for exhibit in alike if exhibit.title.endswith(ending)), None)
    if match is None:
        there = list_names([repr(exhibit.title) for exhibit in alike], limit=4) or "none"
        raise LookupError(f"this record holds no {what} {visible(ending)}; it has {there}")
    return match


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(layout="constrained")[1]


def _text(words: str) -> str:
    """Write words so that matplotlib reads no formula in them."""
    return visible(words, 80).replace("$", r"\$")


def _draw(exhibit: Drawable, ax: Axes | None) -> Axes:
    axes = _axes(ax)
    match exhibit:
        case Curve():
            _curve(axes, exhibit)
        case Matrix():
            _matrix(axes, exhibit)
        case _:
            assert_never(exhibit)
    axes.set_title(_text(exhibit.title))
    return axes


def _curve(axes: Axes, curve: Curve) -> None:
    for place, series in enumerate(curve.series):
        _series(axes, series, named=place == len(curve.series) - 1)
    if curve.diagonal:
        axes.plot((0, 1), (0, 1), color="0.6", linestyle=":", linewidth=1)
    if curve.unit_square:
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    if curve.x_names:
        places = named_places(len(curve.x_names), MOST_NAMES)
        axes.set_xticks(places, [_text(curve.x_names[place]) for place in places])
    for mark in curve.marks:
        axes.axvline(mark.x, color="0.4", linestyle=":", linewidth=1)
        axes.annotate(_text(mark.label), (mark.x, 1), xycoords=("data", "axes fraction"), rotation=90, va="top", size=8)
    axes.set_xlabel(_text(curve.x_label))
    axes.set_ylabel(_text(curve.y_label))
    if len(curve.series) > 1 or curve.series[0].mark:
        axes.legend(frameon=False)


def _series(axes: Axes, series: Series, *, named: bool) -> None:
    """Draw one line with its band; the marked places of all lines share one name in the legend."""
    styles = {"line": "-", "dashed": "--", "points": "none"}
    marker = "o" if series.style == "points" else ""
    name = series.name if series.n is None else f"{series.name} (n {series.n:,})"
    lines = axes.plot(series.x, series.y, linestyle=styles[series.style], marker=marker, label=_text(name))
    color = lines[0].get_color()
    if series.low is not None and series.high is not None:
        axes.fill_between(series.x, series.low, series.high, color=color, alpha=0.2, linewidth=0)
    if series.mark is not None:
        axes.plot(
            *([place] for place in series.mark), "D", color=color, label=_text(series.mark_name) if named else "_"
        )


def _matrix(axes: Axes, matrix: Matrix) -> None:
    axes.imshow(matrix.values, cmap="Blues")
    highest = max((value for row in matrix.values for value in row), default=0.0)
    for y, row in enumerate(matrix.values):
        for x, value in enumerate(row):
            color = "white" if value > highest / 2 else "black"
            axes.text(x, y, f"{value:,.0f}", ha="center", va="center", color=color)
    axes.set_xticks(range(len(matrix.columns)), [_text(column) for column in matrix.columns])
    axes.set_yticks(range(len(matrix.rows)), [_text(row) for row in matrix.rows])
    axes.set_xlabel(_text(matrix.column_label))
    axes.set_ylabel(_text(matrix.row_label))


def _whiskers(axes: Axes, labels: Sequence[str], estimates: Sequence[Estimate]) -> None:
    for place, estimate in enumerate(estimates):
        if estimate.value is not None:
            low, high = (estimate.value if end is None else end for end in (estimate.low, estimate.high))
            axes.errorbar(
                estimate.value,
                place,
                xerr=[[estimate.value - low], [high - estimate.value]],
                fmt="o",
                color="C0",
                capsize=3,
            )
    named = [
        f"{label} (n {estimate.n:,})" if estimate.n is not None else label
        for label, estimate in zip(labels, estimates, strict=True)
    ]
    _rows(axes, named)


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a chart, the first on top."""
    axes.set_yticks(range(len(labels)), [_text(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
