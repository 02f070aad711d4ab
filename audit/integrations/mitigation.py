"""``modelassay.mitigate``: narrow a gap from Python, and judge the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from audit.config.arguments import Extras, Part, PolicyChoice, costs_of, plan_from_arguments, roles_given, tables_given
from audit.costs import Costs
from audit.errors import DataError
from audit.evidence import Settings
from audit.mitigation.work import FILE, LIMIT, Asked, mitigate_plan
from audit.pipeline import execute
from audit.progress import Progress, silent
from reports.record import AuditRecord, Policy, Task
from reports.together import write_together


@dataclass(frozen=True, slots=True, kw_only=True)
class Mitigation:
    """What came of a mitigation."""

    record: AuditRecord | None
    """The audit of the mitigated model beside the old one and the control; ``None`` where there was no gap."""
    model: Any
    """The sealed estimator; ``None`` where there was no gap."""
    strength: str = ""
    """What was chosen on validation rows."""
    reason: str = ""
    """Why nothing was done."""
    file: bytes = field(default=b"", repr=False)
    """The sealed estimator as a ``.skops`` file."""

    def write(self, folder: str | Path) -> None:
        """Write model, record and card into a folder, all or none; nothing where nothing was done.

        Parameters
        ----------
        folder : str or Path

        Raises
        ------
        OutputError
            If the folder cannot be written to.
        """
        if self.record is None:
            return
        from reports.formats import FORMATS, render

        texts = {FORMATS[name].file: render(self.record, name) for name in ("json", "html")}
        contents = {name: text.encode("utf-8", "replace") for name, text in texts.items()} | {FILE: self.file}
        write_together(Path(folder), contents, contents)


def mitigate(
    model: object,
    X: object | None = None,
    y: object | None = None,
    *,
    method: str,
    constraint: str,
    train: Part,
    validation: Part | None = None,
    test: Part | None = None,
    sensitive: object,
    feature: str = "",
    limit: float = LIMIT,
    anyway: bool = False,
    target: str = "target",
    task: Task | None = None,
    positive: object | None = None,
    favorable: object | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    features: Iterable[str] | None = None,
    drop: Iterable[str] = (),
    bins: Mapping[str, tuple[float, ...]] | None = None,
    settings: Settings | None = None,
    costs: Costs | Mapping[str, float] | None = None,
    policy: Policy | str | Path | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Mitigation:
    """Narrow a gap among groups; fit on `train`, choose on `validation`, judge on the test rows once.

    Parameters
    ----------
    model : fitted estimator, or a `Model` from a file
    X, y : array-like of shape (n, features) and (n,)
        Test rows; the same as ``test=(X, y)``.
    method : {"reweigh", "resample", "thresholds", "relaxed-thresholds", "reduction", "penalty", \
"remove-correlation", "group-calibration"}
    constraint : {"demographic-parity", "equalized-odds", "equal-opportunity", "error-rate", "bounded-group-loss"}
        The last for regression.
    train, validation, test : (X, y) or DataFrame
        Without `validation`, a quarter of the training rows is taken for it, and the record says so.
    sensitive : DataFrame, Series, mapping of split to such a frame, or list of str
        Of all splits, where it is not among the columns.
    feature : str
        Which sensitive feature, where there are several; ``"sex, race"`` crosses two.
    limit : float
        Largest gap that is accepted on test rows, between 0 and 1.
    anyway : bool
        Continue even if no gap is shown.
    target, task, positive, favorable, weight, cluster, features, drop, bins, settings, costs, policy, seed
        As for :func:`audit.integrations.auditing.run`.
    progress : callable
        Told of long work.

    Returns
    -------
    Mitigation

    Raises
    ------
    AuditError
        If it cannot be done as asked.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> generator = np.random.default_rng(0)
    >>> frame = pd.DataFrame({"x": generator.normal(size=1200), "sex": generator.choice(["f", "m"], 1200)})
    >>> frame["y"] = (frame["x"] + (frame["sex"] == "m") + generator.normal(size=1200) > 0.5).astype(int)
    >>> frame["x"] += frame["sex"] == "m"
    >>> parts = frame[:500], frame[500:800], frame[800:]
    >>> base = LogisticRegression().fit(parts[0][["x"]], parts[0]["y"])
    >>> done = mitigate(base, train=parts[0], validation=parts[1], test=parts[2], target="y", sensitive=["sex"],
    ...                 positive=1, features=["x"], method="thresholds", constraint="demographic-parity")
    >>> done.record.metric("gap_before", feature="sex").value > done.record.metric("gap_after", feature="sex").value
    True
    >>> len(done.model.predict(parts[2][["x", "sex"]]))
    400
    """
    roles = roles_given(
        target, task=task, positive=positive, favorable=favorable, bins=bins, weight=weight, cluster=cluster,
        features=features, drop=drop,
    )  # fmt: skip
    stated = settings or Settings()
    if costs is not None:
        stated = replace(stated, costs=costs_of(costs))
    plan = plan_from_arguments(
        model,
        tables_given(_parts(train, validation, test, X, y), target, sensitive),
        roles,
        settings=stated,
        choice=PolicyChoice(policy=policy),
        extras=Extras(seed=seed),
    )
    asked = Asked(method=method, constraint=constraint, feature=feature, limit=limit, anyway=anyway)
    outcome = mitigate_plan(plan, asked, progress=progress)
    if outcome.plan is None:
        return Mitigation(record=None, model=None, reason=outcome.reason)
    sealed = None if outcome.plan.model is None else outcome.plan.model.predictor
    record = execute(outcome.plan, progress=progress)
    return Mitigation(record=record, model=sealed, strength=outcome.strength, file=outcome.file)


def _parts(
    train: Part, validation: Part | None, test: Part | None, X: object | None, y: object | None
) -> dict[str, Part]:
    if (test is None) == (X is None):
        raise DataError("test rows are given twice: give X and y, or test, not both.")
    given: Part = test if test is not None else X if y is None else (X, y)
    parts = {"train": train, "validation": validation, "test": given}
    return {name: part for name, part in parts.items() if part is not None}
