"""How many threads numeric libraries work with; their number changes no byte of a record."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from threadpoolctl import ThreadpoolController


def thread_limit(threads: int | None = 1) -> AbstractContextManager[object]:
    """Limit the threads of numeric libraries, from the call until the end of the context; ``None`` leaves them.

    Examples
    --------
    >>> with thread_limit(1):
    ...     pass
    """
    limit: AbstractContextManager[object] = _controller(len(sys.modules)).limit(limits=threads)
    return limit


@lru_cache(maxsize=1)
def _controller(modules: int) -> ThreadpoolController:  # noqa: ARG001 -- what is imported may bring another library
    """Look for the libraries' thread pools, which takes as long as a small prediction, once until more is imported."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
