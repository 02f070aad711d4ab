"""The computer and the packages that an audit ran with."""

from __future__ import annotations

import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from reports.record import Environment

PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "torch", "shap", "lime", "fairlearn", "skops", "duckdb")


def describe_environment() -> Environment:
    """Return the versions of Python and of the packages that numbers depend on, and the kind of computer.

    Examples
    --------
    >>> "numpy" in describe_environment().packages
    True
    """
    installed = {name: text for name in PACKAGES if (text := version_of(name))}
    return Environment(
        python=".".join(map(str, sys.version_info[:3])),
        platform=f"{platform.system()} {platform.machine()}",
        packages=installed,
    )


@cache  # a package's whole metadata are parsed for it
def version_of(package: str) -> str:
    """Return the version of an installed package, ``""`` of one that is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
