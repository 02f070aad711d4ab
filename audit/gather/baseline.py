"""The record of an earlier audit, where one was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from audit.errors import NotApplicable

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context) -> NoReturn:  # noqa: ARG001 -- every gatherer is called alike
    """Say that no earlier audit was given; one that was given stands among the evidence already.

    Raises
    ------
    NotApplicable
        Always.
    """
    raise NotApplicable("no earlier audit was named: give its record with --baseline main.json")
