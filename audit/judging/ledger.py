"""How many models a test set has been used for: every one that is judged on it wears it out a little.

Who tunes against a test set learns its noise. The ledger is a small file that is kept under version
control beside the policy; it holds fingerprints of rows and of models, and the day of first use.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from audit.errors import PolicyError, shown
from audit.policy.read import Terms
from reports.record import AuditRecord
from reports.store import write_text_atomically


class Spent(str):
    """The warning of a spent budget, which is told in the terminal too."""

    __slots__ = ()


Uses = dict[str, dict[str, str]]
"""Day of first use, by model, by test set."""


def used(record: AuditRecord, terms: Terms) -> tuple[Uses, str]:
    """Count the record's model among those judged on its rows.

    Returns
    -------
    tuple of dict and str
        The ledger with this use in it, and a warning where the budget is spent, or ``""``.

    Raises
    ------
    PolicyError
        If the ledger cannot be read, or the budget is spent and the policy makes that an error.
    """
    if terms.max_uses is None or terms.ledger is None:
        return {}, ""
    rows, model = fingerprints(record)
    uses = read(terms.ledger)
    models = uses.setdefault(rows, {})
    models.setdefault(model, record.created[:10])
    if len(models) <= terms.max_uses:
        return uses, ""
    spent = Spent(
        f"this test set has been used for {len(models)} different models, more than the {terms.max_uses} that "
        f"[test_set] max_uses allows ({terms.ledger.name}): what is chosen by it now is chosen by its noise too. "
        "Draw a new test set, or raise the number openly."
    )
    if terms.on_exhausted == "error":
        raise PolicyError(spent)
    return uses, spent


def spend(record: AuditRecord, terms: Terms) -> AuditRecord:
    """Write into the ledger that the record's model was judged on its rows; warn where the budget is spent.

    Raises
    ------
    PolicyError
        As :func:`used`.
    """
    uses, warning = used(record, terms)
    write(uses, terms)
    return replace(record, warnings=(*record.warnings, warning)) if warning else record


def fingerprints(record: AuditRecord) -> tuple[str, str]:
    """Return what tells these rows, and this model, from others; a model without file is told by its answers."""
    file = next((split.sha256 for split in record.data.splits if split.name == "test"), "")
    kept = record.pairing
    answers = f"{record.model.name}:{kept.y_pred}:{kept.y_score}" if kept else record.model.name
    model = record.model.sha256 or hashlib.sha256(answers.encode()).hexdigest()
    return (kept.fingerprint if kept else file) or "unknown rows", model


def read(path: Path) -> Uses:
    """Read a ledger; one that does not exist yet is empty.

    Raises
    ------
    PolicyError
        If the file is not a ledger.
    """
    if not path.exists():
        return {}
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PolicyError(
            f"{shown(path.name)} is not a ledger of test set uses: {error}. Put it back from git."
        ) from error
    fits = isinstance(result, dict) and all(
        isinstance(models, dict) and all(isinstance(day, str) for day in models.values()) for models in result.values()
    )
    if not fits:
        raise PolicyError(f"{shown(path.name)} is not a ledger of test set uses; expected days by model by test set.")
    return {str(rows): dict(models) for rows, models in result.items()}


def write(uses: Uses, terms: Terms) -> None:
    """Write a ledger, whole or not at all; nothing where the policy keeps none."""
    if terms.ledger is not None and uses:
        write_text_atomically(terms.ledger, json.dumps(uses, indent=1, sort_keys=True) + "\n")
