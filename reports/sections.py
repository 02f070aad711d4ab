"""The order of a card, and which finding stands in which section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.record import AuditRecord, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One heading of the card."""

    id: str
    title: str
    families: tuple[str, ...] = ()
    """Families of findings that stand here."""
    parts: tuple[str, ...] = ()
    """Card fields (a person's words) that stand here."""


SECTIONS: tuple[Section, ...] = (
    Section(id="verdict", title="Verdict and what to do next"),
    Section(id="gates", title="Gates"),
    Section(
        id="intended-use",
        title="Intended use",
        parts=("overview", "intended_use", "intended_users", "out_of_scope_use"),
    ),
    Section(
        id="data", title="Data evaluated", families=("data", "leakage"), parts=("evaluation_data", "training_data")
    ),
    Section(id="performance", title="Overall performance", families=("performance", "calibration"), parts=("metrics",)),
    Section(id="groups", title="Performance by group and intersections", families=("groups",), parts=("factors",)),
    Section(id="fairness", title="Fairness", families=("fairness",)),
    Section(id="generalization", title="Generalization and training", families=("generalization", "training")),
    Section(id="robustness", title="Robustness, drift, weak slices", families=("robustness", "drift", "slices")),
    Section(id="explanations", title="Explanations", families=("explanations",)),
    Section(id="baseline", title="Change since baseline", families=("comparison", "compression")),
    Section(id="limits", title="Limits, and what was not tested", families=("card",), parts=("caveats",)),
    Section(
        id="ethics",
        title="Ethical considerations",
        parts=("ethical_considerations", "risks_and_harms", "mitigations", "human_oversight"),
    ),
    Section(id="evidence", title="Evidence map"),
    Section(id="reproduce", title="Reproduce", families=("artifact",)),
    Section(id="sign-off", title="Sign-off"),
    Section(id="machine", title="Machine-readable record"),
)
"""The identity strip comes before all of them."""

PART_TITLES: Mapping[str, str] = {
    "overview": "Overview",
    "intended_use": "Intended use",
    "intended_users": "Intended users",
    "out_of_scope_use": "Out-of-scope use",
    "evaluation_data": "Evaluation data, in the owner's words",
    "training_data": "Training data, in the owner's words",
    "metrics": "Why these measures and thresholds",
    "factors": "Why these groups",
    "caveats": "Caveats, in the owner's words",
    "ethical_considerations": "Ethical considerations",
    "risks_and_harms": "Risks and harms",
    "mitigations": "Mitigations",
    "human_oversight": "Human oversight",
}

_KNOWN = frozenset(family for section in SECTIONS for family in section.families)


def findings_of(record: AuditRecord, section: Section) -> tuple[Finding, ...]:
    """Return the findings that stand in a section, in the order of the record."""
    return tuple(finding for finding in record.findings if finding.family in section.families)


def other_families(record: AuditRecord) -> dict[str, tuple[Finding, ...]]:
    """Gather findings of families that no section knows: plug-ins bring their own headings."""
    found: dict[str, list[Finding]] = {}
    for finding in record.findings:
        if finding.family not in _KNOWN:
            found.setdefault(finding.family, []).append(finding)
    return {family: tuple(findings) for family, findings in found.items()}
