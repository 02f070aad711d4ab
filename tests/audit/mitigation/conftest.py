"""Most of these tests look at one thing, and leave out what takes time beside it."""

from __future__ import annotations

import pytest

from audit.mitigation import arms, candidates, reductions, work

WHOLE = ("test_thresholds_close_the_gap", "test_removing_correlation", "test_adult_meets")
"""Tests that look at everything a mitigation does."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Ask for less than a user does: fewer checks, draws and rows, no guesses of the group."""
    if str(request.node.name).startswith(WHOLE):
        return
    monkeypatch.setattr(work, "CHECKS", ("mitigation",))
    monkeypatch.setattr(work, "PROVEN", 3)
    monkeypatch.setattr(candidates, "WIDTHS", (0.0, 0.02, 0.05))
    monkeypatch.setattr(candidates, "POWERS", (1.0, 3.0))
    monkeypatch.setattr(reductions, "ROUNDS", 4)
    monkeypatch.setattr(reductions, "STRENGTHS", (0.2, 0.5, 0.8))
    monkeypatch.setattr(arms, "SEEDS", ())
    monkeypatch.setattr(arms, "proxies", lambda bench, sealed: [])
