"""Audit a model: evidence with intervals, verdicts you can gate on, one card that anybody can open.

The names below are the library's front door; they are imported when they are first used, so that
``import audit`` costs next to nothing.

Examples
--------
>>> import audit
>>> audit.Estimate(metric="recall", value=0.5, low=0.4, high=0.6).metric
'recall'
"""

from __future__ import annotations

import importlib
from types import FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.comparing.comparison import compare as compare
    from audit.comparing.result import Comparison as Comparison
    from audit.config.plan import RunPlan as RunPlan
    from audit.costs import Costs as Costs
    from audit.errors import AuditError as AuditError
    from audit.errors import NotApplicable as NotApplicable
    from audit.integrations.assertions import assert_passes as assert_passes
    from audit.integrations.auditing import run as run
    from audit.integrations.mitigation import mitigate as mitigate
    from audit.integrations.monitoring import monitor as monitor
    from audit.judging.gate import judge as judge
    from audit.pipeline import execute as execute
    from audit.policy.read import default_policy as default_policy
    from audit.policy.read import read_policy as read_policy
    from audit.statistics.training import diagnose as diagnose
    from audit.statistics.training import tripped_signs as tripped_signs
    from reports.html import write_card as write_card
    from reports.record import AuditRecord as AuditRecord
    from reports.record import Estimate as Estimate
    from reports.record import Measurement as Measurement
    from reports.store import load as load
    from reports.store import save as save

_HOMES = {
    "run": "audit.integrations.auditing:run",
    "execute": "audit.pipeline:execute",
    "compare": "audit.comparing.comparison:compare",
    "Comparison": "audit.comparing.result:Comparison",
    "RunPlan": "audit.config.plan:RunPlan",
    "monitor": "audit.integrations.monitoring:monitor",
    "mitigate": "audit.integrations.mitigation:mitigate",
    "judge": "audit.judging.gate:judge",
    "read_policy": "audit.policy.read:read_policy",
    "default_policy": "audit.policy.read:default_policy",
    "Costs": "audit.costs:Costs",
    "diagnose": "audit.statistics.training:diagnose",
    "tripped_signs": "audit.statistics.training:tripped_signs",
    "assert_passes": "audit.integrations.assertions:assert_passes",
    "AuditError": "audit.errors:AuditError",
    "NotApplicable": "audit.errors:NotApplicable",
    "AuditRecord": "reports.record:AuditRecord",
    "Estimate": "reports.record:Estimate",
    "Measurement": "reports.record:Measurement",
    "save": "reports.store:save",
    "write_card": "reports.html:write_card",
    "load": "reports.store:load",
}

__all__ = [
    "AuditError",
    "AuditRecord",
    "Comparison",
    "Costs",
    "Estimate",
    "Measurement",
    "NotApplicable",
    "RunPlan",
    "assert_passes",
    "compare",
    "default_policy",
    "diagnose",
    "execute",
    "judge",
    "load",
    "mitigate",
    "monitor",
    "read_policy",
    "run",
    "save",
    "tripped_signs",
    "write_card",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("modelassay")
    if name not in _HOMES:
        raise AttributeError(f"module 'audit' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    value: object = getattr(importlib.import_module(module), attribute)
    if isinstance(value, FunctionType):
        from audit.argument_types import check_arguments

        value = check_arguments(value)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
