"""The order of a card: a first screen, five chapters of the same questions, people's words, an annex."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reports.families import FAMILIES, families_in
from reports.record import AuditRecord, Finding

Edition = Literal["full", "short"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Featured:
    """Exhibits of one check that a chapter shows."""

    check: str
    kinds: tuple[str, ...]
    """Kinds of exhibit."""
    most: int = 1
    begins: str = ""
    """How the title must begin."""
    skip: str = ""
    """Title of an exhibit that stands in an earlier chapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One heading of the card."""

    id: str
    title: str
    kind: Literal["found", "chapter", "people", "sign-off", "glossary", "annex"]
    parts: tuple[str, ...] = ()
    """Card fields (a person's words) that stand here."""
    figures: tuple[Featured, ...] = ()
    """What is drawn here; all of it is in the annex too."""

    @property
    def families(self) -> tuple[str, ...]:
        """Families of findings that stand here."""
        return families_in(self.id)


SECTIONS: tuple[Section, ...] = (
    Section(id="found", title="What was found, and what to do", kind="found"),
    Section(
        id="good",
        title="How good is it?",
        kind="chapter",
        parts=("metrics",),
        figures=(
            Featured(check="window_performance", kinds=("curve",), most=5),
            Featured(check="window_versions", kinds=("curve",), most=3),
            Featured(check="classification", kinds=("forest",)),
            Featured(check="confusion", kinds=("matrix",)),
            Featured(check="roc", kinds=("curve",)),
            Featured(check="score_histogram", kinds=("curve",), begins="Scores by class"),
            Featured(check="calibration", kinds=("curve",)),
            Featured(check="class_performance", kinds=("forest",)),
            Featured(check="regression", kinds=("curve", "bars", "forest"), most=3),
        ),
    ),
    Section(
        id="worse",
        title="For whom is it worse?",
        kind="chapter",
        parts=("factors",),
        figures=(
            Featured(check="mitigation", kinds=("prose", "table", "curve"), most=5),
            Featured(check="group_performance", kinds=("forest",), most=4),
            Featured(check="score_histogram", kinds=("curve",), begins="Scores by ", skip="Scores by class", most=2),
            Featured(check="group_calibration", kinds=("forest",)),
            Featured(check="residual_disparities", kinds=("forest",), most=3),
            Featured(check="class_disparities", kinds=("forest",), most=3),
        ),
    ),
    Section(
        id="trusted",
        title="Can the numbers be trusted?",
        kind="chapter",
        parts=("evaluation_data", "training_data"),
        figures=(
            Featured(check="label_rate", kinds=("forest",)),
            Featured(check="training_history", kinds=("curve",)),
            Featured(check="learning_curve", kinds=("curve",)),
        ),
    ),
    Section(
        id="breaks",
        title="What breaks it, and what drives it?",
        kind="chapter",
        figures=(
            Featured(check="weak_slices", kinds=("forest",)),
            Featured(check="noise_sensitivity", kinds=("curve",)),
            Featured(check="corruption_sensitivity", kinds=("curve", "bars", "forest", "image")),
            Featured(check="attribution_ranking", kinds=("bars",)),
            Featured(check="image_explanations", kinds=("image",), most=2),
            Featured(check="text_explanations", kinds=("bars",)),
        ),
    ),
    Section(id="unknown", title="What is not known?", kind="chapter", parts=("caveats",)),
    Section(
        id="people",
        title="In the words of those who answer for it",
        kind="people",
        parts=(
            "overview", "intended_use", "intended_users", "out_of_scope_use", "ethical_considerations",
            "risks_and_harms", "mitigations", "human_oversight",
        ),
    ),
    Section(id="sign-off", title="Sign-off", kind="sign-off"),
    Section(id="glossary", title="Words used here", kind="glossary"),
    Section(id="gates", title="Annex: every rule and its verdict", kind="annex"),
    Section(id="measured", title="Annex: everything that was measured", kind="annex"),
    Section(id="evidence", title="Annex: evidence for laws and standards", kind="annex"),
    Section(id="reproduce", title="Annex: how to repeat this audit", kind="annex"),
    Section(id="machine", title="Annex: the record", kind="annex"),
)  # fmt: skip

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

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("95 % interval", ("Numbers in square brackets. Drawn from other rows of the same kind, 95 of 100 such intervals "
     "would hold the true number. A wide interval means few rows.")),
    ("n", "How many rows a number rests on."),
    ("Concern", "A rule of thumb of the catalogue is shown to be broken. A person decides what follows."),
    ("Release criterion", "A rule that the team itself set before it looks at a model."),
    ("Not settled", "The rows at hand allow both answers. It is not a pass."),
    ("Of 1,000 decisions", "How many decisions would have to come out differently for the rule to hold."),
    ("ROC AUC", ("How well scores rank: the chance that a row of the class is scored above another row. 0.5 is "
     "chance, 1 is perfect.")),
    ("Selection rate", "The share of a group that gets the favorable outcome, or one of several classes."),
    ("True positive rate", "Of those who are of the class, the share that the model finds. Also called recall."),
    ("False positive rate", "Of those who are not of the class, the share that the model says are."),
    ("Precision", "Of those that the model says are of the class, the share that is."),
    ("Calibrated", "Scores mean what they say: of rows scored 0.3, about 30 of 100 are of the class."),
    ("Typical error", ("Of amounts: the size that most errors have. A few large ones count less in it than in the "
     "mean.")),
    ("Alarm", ("A number of a window is shown to be worse than in the windows that it is compared with, or its rows "
     "have moved.")),
    ("Drift", "Test rows differ from the rows that the model learned from."),
    ("Index", ("Population stability index: how differently values are spread from before. 0 is alike, above 0.2 is "
     "much.")),
    ("Leak", "The model could see what it is tested on; the figures are then too good."),
    ("Overfitting", "The model is better on the rows it learned from than on new ones."),
    ("Attribution", "How much a feature moves the model's output, on average over rows."),
)  # fmt: skip
"""Words that a reader of the card may not know."""


def findings_of(record: AuditRecord, section: Section) -> tuple[Finding, ...]:
    """Return the findings that stand in a section, in the order of the record."""
    return tuple(finding for finding in record.findings if finding.family in section.families)


def other_families(record: AuditRecord) -> dict[str, tuple[Finding, ...]]:
    """Return the findings of families that no section knows, by family; nothing is lost."""
    table: dict[str, list[Finding]] = {}
    for finding in record.findings:
        if finding.family not in FAMILIES:
            table.setdefault(finding.family, []).append(finding)
    return {family: tuple(findings) for family, findings in table.items()}


def sections_of(edition: Edition) -> tuple[Section, ...]:
    """Return the sections of an edition; the short one has no annex."""
    return tuple(section for section in SECTIONS if edition == "full" or section.kind != "annex")
