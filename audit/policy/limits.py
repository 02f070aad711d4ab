"""The values that a gate accepts."""

from __future__ import annotations

from reports.record import Gate


def limits(gate: Gate) -> tuple[float | None, float | None]:
    """Return the least and the greatest value that hold.

    Examples
    --------
    >>> limits(Gate(id="g", title="", check="", metric="m", op="abs<=", threshold=0.1))
    (-0.1, 0.1)
    """
    if isinstance(gate.threshold, tuple):
        return gate.threshold
    if gate.op == ">=":
        return gate.threshold, None
    if gate.op == "<=":
        return None, gate.threshold
    return -gate.threshold, gate.threshold
