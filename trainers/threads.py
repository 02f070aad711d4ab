"""Where training runs: threads and device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trainers.errors import TrainerError, quote

if TYPE_CHECKING:
    import torch


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let torch use `count` threads for a while; None leaves its own setting.

    One thread is best for small networks: their operations are shorter than the hand-over, and cross-validation in
    several processes is not slowed by threads that wait for each other.

    Examples
    --------
    >>> import torch
    >>> with torch_threads(1):
    ...     torch.get_num_threads()
    1
    """
    import torch

    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_for(name: str) -> torch.device:
    """Find the device: ``auto`` is an accelerator where there is one, else the CPU.

    Raises
    ------
    TrainerError
        If there is no such device.

    Examples
    --------
    >>> device_for("cpu")
    device(type='cpu')
    """
    import torch

    if name == "auto":
        device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return device if device is not None else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, TypeError, AssertionError) as error:
        raise TrainerError(f"device is {quote(name)}, which torch cannot use here; expected 'auto' or 'cpu'") from error
    return device
