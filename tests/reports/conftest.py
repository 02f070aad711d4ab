"""The sample record, made once."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from reports.record import AuditRecord


def _samples() -> ModuleType:
    """Load the sample by its path, so that tests need no package of tests."""
    path = Path(__file__).with_name("samples.py")
    spec = importlib.util.spec_from_file_location("report_samples", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["report_samples"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    """The module of samples: ``HOSTILE`` names and builders."""
    return _samples()


@pytest.fixture(scope="session")
def record(samples: ModuleType) -> AuditRecord:
    """The whole sample record."""
    made = samples.record()
    assert isinstance(made, AuditRecord)
    return made
