"""The state of a training under way, in one file that appears whole or not at all: a killed run loses an epoch at most.

The file holds tensors and plain values and is read as such (``weights_only``); no code of it runs.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainers.errors import FileError, TrainerError, quote

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
