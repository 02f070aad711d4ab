"""Are the words of a policy known, before anything is measured?

Metrics and checks of a policy's own gates are compared with what this version can measure, so that a
typing error is found before the long work, not after it. A name that is near no known one may be a
metric of the user's own, or of a plugin, and is let through: judging refuses it if nothing measured it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources
from itertools import product

from audit.errors import PolicyError, quote
from audit.judging.selection import require_comparable_metric
from reports.nearest import nearest
from reports.record import Policy

SOURCES = ("checks", "estimate")
"""Rooms whose modules name what they measure."""
NEAR = 0.88
"""Likeness from which on a word is taken for a misspelled one."""
DERIVED = ("_difference", "_ratio", "_gain", "_train_test_difference")


def require_known_words(policy: Policy, known: Iterable[str] = ()) -> None:
    """Refuse metrics and checks of a policy's own gates that look like misspelled known ones.

    Parameters
    ----------
    policy : Policy
    known : iterable of str
        Metrics of the user's own.

    Raises
    ------
    PolicyError
        Naming the gate, the word and the nearest known one.
    """
    own = [gate for gate in policy.gates if not gate.from_catalogue and gate.severity != "off"]
    if not own:
        return
    known = tuple(known)
    metrics, checks = _metrics(policy) | set(known), _checks()
    measured = metrics | _literals()
    for gate in own:
        check = "" if not gate.check or gate.check in checks else _nearest(gate.check, checks)
        if check:
            raise PolicyError(
                f"gate {quote(gate.id)} names check {quote(gate.check)}, which does not exist. "
                f"Did you mean {quote(check)}?"
            )
        if gate.kind == "no_regression":
            require_comparable_metric(gate, known)
        metric = "" if gate.metric in measured or gate.kind == "no_regression" else _nearest(gate.metric, metrics)
        if metric:
            raise PolicyError(
                f"gate {quote(gate.id)} asks for metric {quote(gate.metric)}, which nothing measures. "
                f"Did you mean {quote(metric)}?"
            )


def _nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is misspelled here, if one is so near that another can hardly be meant."""
    return next(iter(nearest(word, sorted(known), cutoff=NEAR)), "")


def _metrics(policy: Policy) -> frozenset[str]:
    """Return the metrics that gates are usually set on: the table, what is made of it, and the catalogue's."""
    from audit.estimate.metrics import METRICS
    from audit.policy.read import default_policy

    names = {f"{name}{suffix}" for name, suffix in product(METRICS, DERIVED)}
    ruled = {gate.metric for gate in (*default_policy().gates, *policy.gates) if gate.from_catalogue}
    return frozenset({*METRICS, *names, *ruled})


def _literals() -> frozenset[str]:
    """Return every word in quotes in the modules that measure: all names of numbers are among them."""
    names: set[str] = set()
    for room in SOURCES:
        for file in (resources.files("audit") / room).iterdir():
            if file.name.endswith(".py"):
                lines = file.read_text(encoding="utf-8").splitlines()
                code = "\n".join(line for line in lines if not line.lstrip().startswith(">>>"))
                names.update(re.findall(r'"([a-z][a-z0-9_]*)"', code))
    return frozenset(names)


def _checks() -> frozenset[str]:
    files = (resources.files("audit") / "checks").iterdir()
    return frozenset(file.name.removesuffix(".py") for file in files if not file.name.startswith("_"))
