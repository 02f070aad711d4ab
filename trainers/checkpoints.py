"""The state of a training under way, in one file that appears whole or not at all: a killed run loses an epoch at most.

The file holds tensors and plain values and is read as such (``weights_only``); no code of it runs.
"""

from __future__ import annotations

import copy
import hashlib
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainers.errors import FileError, TrainerError, quote

if TYPE_CHECKING:
    import torch

IGNORED = frozenset({"checkpoint", "on_epoch", "verbose", "device", "threads", "epochs", "random_state", "warm_start"})
"""Parameters that may differ between the run that was stopped and the one that goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where the state goes, and to which training it belongs."""

    path: Path
    mark: str

    def write(self, state: Mapping[str, Any]) -> None:
        """Write the state of an epoch in place of the last one.

        Raises
        ------
        FileError
            If the folder cannot be written to.
        """
        import torch

        try:
            handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".", suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    torch.save({**state, "mark": self.mark}, file)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(self.path)
            finally:
                Path(temporary).unlink(missing_ok=True)
        except OSError as error:
            raise FileError(f"checkpoint {quote(self.path)} cannot be written: {error.strerror}") from error

    def read(self) -> dict[str, Any] | None:
        """Return the state that is there, if any.

        Raises
        ------
        TrainerError
            If it belongs to another training.
        """
        state = state_in(self.path)
        if state is not None and state.get("mark") != self.mark:
            raise TrainerError(
                f"checkpoint {quote(self.path)} belongs to another training (parameters or rows differ); name another "
                "file, or delete it to start again"
            )
        return state

    def remove(self) -> None:
        """Delete the file; the training is done."""
        self.path.unlink(missing_ok=True)


def state_in(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read a checkpoint; None if there is none.

    Raises
    ------
    FileError
        If the file is not a checkpoint.
    """
    import torch

    if not Path(path).is_file():
        return None
    try:
        result = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a foreign file makes the reader raise
        raise FileError(f"checkpoint {quote(path)} cannot be read ({type(error).__name__}); delete it") from error
    if not isinstance(result, dict) or "mark" not in result:
        raise FileError(f"{quote(path)} is not a checkpoint of this program; name another file")
    return result


@contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Turn whatever a damaged state makes a network or its optimizer raise into one line.

    Raises
    ------
    FileError
    """
    try:
        yield
    except Exception as error:
        said = " ".join(str(error).split())[:120]
        place = quote(path, limit=500)
        raise FileError(f"checkpoint {place} is damaged ({type(error).__name__}: {said}); delete it") from error


def require_whole(state: Mapping[str, Any], weights: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> int:
    """Return the epoch of a state that fits a network and its optimizer.

    Parameters
    ----------
    state : mapping
    weights : mapping of str to Tensor
        Of the network, for names, shapes and types.
    optimizer : torch.optim.Optimizer
        A new one, for its settings and for what it learns.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it does not fit.
    """
    epochs = [epoch for epoch, *_ in state["history"]]
    if any(type(epoch) is not int for epoch in (state["epoch"], *epochs)) or state["epoch"] != max(epochs):
        raise ValueError(f"its epoch is {quote(state['epoch'])}, that of its history another")
    for name in ("network", "weights"):
        _require_like(state[name], weights, name)
    _require_memory_of(state["optimizer"], optimizer)
    best, *counts = state["watch"]
    if type(best) is not float or math.isnan(best) or [type(count) for count in counts] != [int] * 3:
        raise ValueError("what it says of the best epoch is not numbers")
    for _, split, quantity, value in state["history"]:
        if not isinstance(split, str) or not isinstance(quantity, str) or not math.isfinite(value):
            raise ValueError(f"its history holds {quote((split, quantity, value))}")
    return int(state["epoch"])


def _require_like(held: Mapping[str, Any], weights: Mapping[str, Any], name: str) -> None:
    if {key: (values.shape, values.dtype) for key, values in held.items()} != {
        key: (values.shape, values.dtype) for key, values in weights.items()
    }:
        raise ValueError(f"{quote(name)} holds the weights of another network")
    if any(bool(values.isnan().any()) for values in held.values()):
        raise ValueError(f"{quote(name)} holds weights that are not numbers")


def _require_memory_of(held: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> None:
    """Refuse another optimizer's settings, and a memory that lacks parts or has other shapes: steps trust it."""
    if _settings(held) != _settings(optimizer.state_dict()):
        raise ValueError("the settings of its optimizer are those of another training")
    expected, layouts = _layouts(_after_a_step(optimizer)), _layouts(held["state"])
    on_cpu = all(values.device.type == "cpu" for group in optimizer.param_groups for values in group["params"])
    absent = expected.keys() - layouts.keys() if on_cpu else ()  # elsewhere parts that nothing uses have no memory
    if absent or any(expected.get(place) != layout for place, layout in layouts.items()):
        raise ValueError("its optimizer remembers other weights")
    if not all(bool(values.isfinite().all()) for memory in held["state"].values() for values in _tensors(memory)):
        raise ValueError("its optimizer remembers what is not numbers")


def _after_a_step(optimizer: torch.optim.Optimizer) -> Mapping[int, Mapping[str, Any]]:
    """Return what such an optimizer remembers after one step, taken by a copy that learns nothing."""
    import torch

    twin = copy.deepcopy(optimizer)
    for values in (values for group in twin.param_groups for values in group["params"]):
        values.grad = torch.zeros_like(values)
    twin.step()
    memory: Mapping[int, Mapping[str, Any]] = twin.state_dict()["state"]
    return memory


def _layouts(memory: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, tuple[object, ...] | None]]:
    """Return shape, type and steps in memory of all that an optimizer remembers, by the place of the weights."""
    return {
        place: {
            name: None if values is None else (values.shape, values.dtype, values.stride())
            for name, values in parts.items()
        }
        for place, parts in memory.items()
    }


def _tensors(memory: Mapping[str, Any]) -> list[torch.Tensor]:
    return [values for values in memory.values() if values is not None]


def _settings(optimizer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the settings of each group of weights, without the rate, which each epoch sets."""
    return [{name: value for name, value in group.items() if name != "lr"} for group in optimizer["param_groups"]]


def mark_of(parameters: Mapping[str, object], parts: object) -> str:
    """Return a fingerprint of the parameters that matter and of the rows.

    Examples
    --------
    >>> mark_of({"units": 3, "verbose": 1}, [1]) == mark_of({"units": 3, "verbose": 0}, [1])
    True
    """
    import joblib

    kept = {name: repr(value) for name, value in sorted(parameters.items()) if name not in IGNORED}
    kept["network"] = getattr(parameters.get("network"), "__qualname__", kept.get("network", ""))
    return hashlib.sha256(f"{kept}{joblib.hash(parts)}".encode()).hexdigest()
