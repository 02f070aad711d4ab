"""What the whole audit agrees on: levels, smallest groups, reference groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.evidence import Settings

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context) -> Settings:
    """Hand the settings of the run to checks that look at the data alone."""
    return context.settings
