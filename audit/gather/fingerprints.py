"""Fingerprints that the configuration states, where it states any."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from audit.errors import NotApplicable

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context) -> NoReturn:  # noqa: ARG001 -- every gatherer is called alike
    """Say that no fingerprint was stated; stated ones stand among the evidence already.

    Raises
    ------
    NotApplicable
        Always.
    """
    raise NotApplicable("no fingerprint is stated; state some as [model] sha256 and [data.sha256] test")
