"""The three files of a first configuration: ``audit.toml``, ``gates.toml`` and ``card.toml``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from audit.cli.initial import Start, key, text, texts
from audit.errors import quote_all
from reports.record import Card

PROMPTS = {
    "name": "What the model decides; empty, the target and its outcomes are the title.",
    "version": "Its version, as your release names it.",
    "overview": "What it does, in two sentences that anybody can follow.",
    "owner": "The person or team who answers for it.",
    "contact": "Where questions and complaints go.",
    "license": "Under which terms it may be used.",
    "citation": "How to cite it, if that matters.",
    "intended_use": "The decisions it was made for, and at which point of a process.",
    "intended_users": "Who is meant to use it, with what training.",
    "out_of_scope_use": "Uses that look near and are not covered.",
    "factors": "Why these groups and conditions were looked at, and which were left out.",
    "metrics": "Why these measures and thresholds suit the purpose; what each kind of error costs whom.",
    "training_data": "Where the training rows come from, whom they leave out, how labels were made.",
    "evaluation_data": "The same for the test rows; why they stand for those to come.",
    "ethical_considerations": "Who is affected, and what could go wrong for them.",
    "risks_and_harms": "Known risks, how likely and how grave.",
    "mitigations": "What was done about them.",
    "human_oversight": "Who can overrule it, when, and how they are informed.",
    "caveats": "What a reader should keep in mind.",
}
"""What each heading of the card asks for."""


COSTS = """\
# [costs]              # DECIDE: what a decision costs by outcome, in any unit; finds the cheapest threshold
# false_positive = 1.0
# false_negative = 5.0
# true_positive = 0.0  # a gain is a negative cost
# true_negative = 0.0
"""
"""How a binary task says what its mistakes cost."""

REST = """\
[audit]
seed = 0         # all randomness is derived from it
level = 0.95     # of intervals
min_n = 30       # smaller slices are shown, not judged
suppress_n = 10  # smaller slices leave no count anywhere
depth = 2        # how many sensitive features are crossed

[policy]
path = "gates.toml"
# baseline = "main.audit.json"  # an earlier run to compare this model with

[card]
path = "card.toml"

[report]
out = "audit-report"
formats = ["json", "html", "md", "junit"]  # also text, sarif, github, gitlab
"""
"""What every configuration ends with."""

GATES = """\
# What must hold. Commit this before you see results: thresholds set afterwards prove little.
# modelassay rule lists the catalogue that is extended here; modelassay rule FAIR001 explains one rule in full.

schema_version = 1

[policy]
extends = "default"
# require_committed = true  # refuse to judge by a file that differs from what is committed
# margin = 0.01             # largest loss against a baseline that is accepted
# ignore = []               # codes, or their beginnings

# [test_set]                # a test set wears out with every model that is judged on it
# max_uses = 32

# DECIDE: the number without which this model is not worth using, and who says so.
# [[gate]]
# id = "floor"
# metric = METRIC
# op = ">="
# threshold = 0.8
# severity = "error"
# on_inconclusive = "block"  # it must be shown to hold: an open verdict blocks
# because = "agreed in ..."

# DECIDE: which gaps between groups stop a release; the catalogue only warns of them.
# [[gate]]
# id = "recall-gap"
# kind = "difference"
# metric = "recall"
# by = FEATURES
# op = "abs<="
# threshold = 0.1
# severity = "error"

# A rule of the catalogue with another threshold:
# [[override]]
# id = "FAIR001"
# threshold = 0.9

# A failure that somebody accepts for a limited time, at most 180 days:
# [[waiver]]
# gate = "FAIR001"
# owner = "a.person@example.org"
# reason = "..."
# created = 2026-01-01
# expires = 2026-06-01
"""
"""A policy that is the catalogue, with what to add as comments."""


def drafts(start: Start, folder: Path) -> dict[str, str]:
    """Return the text of each file; paths in them are relative to `folder`.

    Parameters
    ----------
    start : Start
    folder : Path
        Where the files will stand.
    """
    return {
        "audit.toml": "\n".join(_audit(start, folder)) + "\n",
        "gates.toml": "\n".join(_gates(start)) + "\n",
        "card.toml": "\n".join(_card()) + "\n",
    }


def _relative(path: Path, folder: Path) -> str:
    return text(Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix())


# --- audit.toml -----------------------------------------------------------------------------------


def _audit(start: Start, folder: Path) -> Iterator[str]:
    yield "# What to audit. Written by modelassay init; a person decides the lines marked DECIDE. Run with"
    yield "#   modelassay run audit.toml"
    for question in start.undecided:
        yield f"# DECIDE first: {' '.join(question.split())}"
    yield ""
    yield from _model(start, folder)
    yield "[data]"
    if start.asked.train is not None:
        yield f"train = {_relative(start.asked.train, folder)}  # {start.rows['train']:,} rows"
    yield f"test = {_relative(start.asked.test, folder)}  # {start.rows['test']:,} rows the model has never seen"
    yield f"target = {text(start.asked.target)}"
    yield from _task(start)
    if start.shape:
        yield 'modality = "image"'
        yield f"shape = {list(start.shape)}  # channels, height, width"
    if start.missing_targets:
        yield f"# drop_missing_target = true  # DECIDE: leave {start.missing_targets} rows without a target out?"
    yield from _labels(start)
    yield from _columns(start)
    for note in start.notes:
        yield f"# {' '.join(note.split())}"
    yield ""
    yield from _csv(start)
    yield from _groups(start)
    if start.task in ("binary", None):
        yield COSTS
    yield REST.rstrip("\n")


def _model(start: Start, folder: Path) -> Iterator[str]:
    asked = start.asked
    if asked.model is None:
        return
    yield "[model]"
    yield f"path = {_relative(asked.model, folder)}"
    if any(question.startswith("[model] trust:") for question in start.undecided):
        yield "trust = false  # DECIDE: loading this format runs code from the file; true only if you know who made it"
    elif start.types:
        yield f"# trusted_types = {texts(start.types)}"
        yield "# DECIDE: these types run code of their packages when the file is loaded; trust it if you know its maker"
    elif asked.trust:
        yield "trust = true  # you said so: loading this format runs code from the file"
    yield f"# sha256 = {text(start.sha256['model'])}  # pins the file: rule SEC002 fails for any other"
    yield ""


def _task(start: Start) -> Iterator[str]:
    if start.task is None:
        yield '# task = "multiclass"  # DECIDE: "binary", "multiclass" or "regression"?'
        return
    yield f"task = {text(start.task)}"
    if start.task == "multiclass" and start.classes:
        yield f"# classes: {quote_all(start.classes)}"
        yield f"# order = {texts(start.classes)}  # if they have one, lowest first: agreement then counts how far off"
    if start.task != "binary":
        return
    if start.positive is None:
        yield f"# positive = {text(start.classes[-1])}  # DECIDE: {quote_all(start.classes)}"
    else:
        other = [name for name in start.classes if name != start.positive]
        yield f"positive = {text(start.positive)}  # what the model detects; the other is {quote_all(other)}"
    yield from _favorable(start)


def _favorable(start: Start) -> Iterator[str]:
    """Ask which outcome is good for the person, with both readings in words."""
    if start.favorable is not None:
        yield f"favorable = {text(start.favorable)}  # good for the person: selection rates count it"
        return
    name, other = start.classes[0], start.classes[-1]
    yield "# DECIDE: which outcome is good for the person? Groups are compared by how often they get it."
    yield f"# favorable = {text(name)}  # it is good to be called {text(name)}, and bad to be called {text(other)}"
    yield f"# favorable = {text(other)}  # it is good to be called {text(other)}, and bad to be called {text(name)}"


def _columns(start: Start) -> Iterator[str]:
    asked = start.asked
    for name, value in (("prediction", asked.prediction), ("score", asked.score)):
        if value is not None:
            yield f"{name} = {text(value)}"
    if asked.sensitive:
        yield f"sensitive = {texts(asked.sensitive)}"
    else:
        yield "sensitive = []  # DECIDE: columns that distinguish groups of people"
    if start.likely:
        yield f"# these sound sensitive and are not declared: {quote_all(start.likely)}"
    known = "the model knows its columns by name" if start.stated else "all other columns are used as features"
    yield f"# features = [...]  # {known}: {quote_all(start.features, limit=8)}"
    yield "# drop = []         # columns that are not features: identifiers, free text, notes"
    yield '# weight = "..."    # a column of sample weights'
    yield '# cluster = "..."   # a column that says which rows belong together: person, device, site'
    time = text(start.times[0]) if start.times else '"..."'
    yield f"# time = {time}      # a column of times: training rows should come first"
    yield '# headline = "..."  # the main metric, if not the usual one'


def _labels(start: Start) -> Iterator[str]:
    """Offer the line that maps labels which do not meet, for a person to look through."""
    for question in start.undecided:
        if match := re.search(r"\[data\] (labels = \{[^{}]*\})", " ".join(question.split())):
            yield f"# {match[1]}  # DECIDE: does each label of the table mean this one of the model?"


def _csv(start: Start) -> Iterator[str]:
    """State how delimited files are written, where that is not the usual way."""
    read = start.reading
    stated = {name: getattr(read, name) for name in ("separator", "decimal", "thousands", "encoding")}
    if any(stated.values()):
        yield "[data.csv]  # as the beginning of the test table shows"
        yield from (f"{name} = {text(value)}" for name, value in stated.items() if value)
        yield ""


def _groups(start: Start) -> Iterator[str]:
    if start.bins:
        yield "[data.bins]  # DECIDE: suggested bands; cut where your question cuts"
        for name, edges in start.bins.items():
            yield f"{key(name)} = [{', '.join(f'{edge:g}' for edge in edges)}]"
        yield ""
    if start.asked.sensitive:
        yield "# [data.reference]  # the group that others are compared with, else the largest"
        for name in start.asked.sensitive:
            yield f'# {key(name)} = "..."'
        yield ""
    yield "# [data.sha256]  # pins the files: rule SEC002 fails for any other"
    for name in start.rows:
        yield f"# {name} = {text(start.sha256[name])}"
    yield ""


# --- gates.toml and card.toml ---------------------------------------------------------------------


def _gates(start: Start) -> Iterator[str]:
    metric = {"regression": "r2_score", "binary": "accuracy"}.get(start.task or "", "balanced_accuracy")
    feature = start.asked.sensitive[0] if start.asked.sensitive else "sex"
    yield GATES.replace("METRIC", text(metric)).replace("FEATURES", texts([feature])).rstrip("\n")


def _card() -> Iterator[str]:
    yield "# What only people can say. DECIDE every line; a blank is shown as a blank on the card (rule CARD001)."
    yield "# Longer text goes between triple quotes; Markdown is not read."
    for field in fields(Card):
        yield ""
        yield f"# {PROMPTS[field.name]}"
        yield f"{field.name} = {text('')}"
