"""How many models a test set has been used for: every one that is judged on it wears it out a little.

Who tunes against a test set learns its noise. The ledger is a small file that is kept under version
control beside the policy; it holds fingerprints of rows and of models, and the day of first use.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from audit.errors import PolicyError, quote
from audit.policy.read import Terms
from reports.record import AuditRecord
from reports.store import require_plain, write_text_atomically
from reports.together import alone

MOST_BYTES = 16 << 20
"""Bytes of a ledger that are read."""


class Spent(str):
    """The warning of a spent budget, which is shown in the terminal too."""

    __slots__ = ()


Uses = dict[str, dict[str, str]]
"""Day of first use, by model, by test set."""


def spend(record: AuditRecord, terms: Terms) -> AuditRecord:
    """Write into the ledger that the record's model was judged on its rows; warn where the budget is spent.

    Of two audits at once, one waits for the other, so that both are counted.

    Raises
    ------
    PolicyError
        If the ledger cannot be read, or the budget is spent and the policy makes that an error.
    """
    if terms.max_uses is None or terms.ledger is None:
        return record
    with alone(terms.ledger.parent):
        uses, warning = _counted(record, terms.ledger, terms.max_uses)
        if warning and terms.on_exhausted == "error":
            raise PolicyError(warning)
        write_text_atomically(terms.ledger, json.dumps(uses, indent=1, sort_keys=True) + "\n")
    return replace(record, warnings=(*record.warnings, warning)) if warning else record


def _counted(record: AuditRecord, ledger: Path, most: int) -> tuple[Uses, str]:
    """Count the record's model among those judged on its rows; say so where they are too many."""
    rows, model = fingerprints(record)
    uses = read(ledger)
    models = uses.setdefault(rows, {})
    models.setdefault(model, record.created[:10])
    if len(models) <= most:
        return uses, ""
    return uses, Spent(
        f"this test set has been used for {len(models)} different models, more than the {most} that "
        f"[test_set] max_uses allows ({ledger.name}): what is chosen by it now is chosen by its noise too. "
        "Draw a new test set, or raise the number openly."
    )


def fingerprints(record: AuditRecord) -> tuple[str, str]:
    """Return what tells these rows, and this model, from others; a model without file is known by its answers."""
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
    OutputError
        For links, folders, devices and pipes: none of them is written over afterwards.
    """
    require_plain(path)
    if not path.exists():
        return {}
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is longer than {MOST_BYTES >> 20} MiB")
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PolicyError(
            f"{quote(path.name)} is not a ledger of test set uses: {error}. Put it back from git."
        ) from error
    fits = isinstance(result, dict) and all(
        isinstance(models, dict) and all(isinstance(day, str) for day in models.values()) for models in result.values()
    )
    if not fits:
        raise PolicyError(f"{quote(path.name)} is not a ledger of test set uses; expected days by model by test set.")
    return {str(rows): dict(models) for rows, models in result.items()}
