"""What a fitted estimator is made of: a network and plain values, which pickle, skops and our files can hold."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from trainers.errors import TrainerError
from trainers.history import HistoryRow

if TYPE_CHECKING:
    import torch

    from trainers.networks import NetworkSpec

PASSING = frozenset({"_engine", "_announced", "_borrowed", "_unfrozen"})
"""Attributes of a fit under way."""


def freeze_state(state: dict[str, Any]) -> dict[str, Any]:
    """Turn a fitted estimator's attributes into plain values and numpy arrays."""
    state = {name: value for name, value in state.items() if name not in PASSING}
    state["on_epoch"] = None
    if "network_" in state:
        state["network_"] = weights_of(state["network_"])
        state["history_"] = [list(row) for row in state["history_"]]
        state["spec_"] = None if state["spec_"] is None else asdict(state["spec_"])
    return state


def weights_of(network: torch.nn.Module) -> dict[str, NDArray[Any]]:
    """Copy all weights and running statistics into numpy arrays."""
    return {name: values.detach().cpu().numpy().copy() for name, values in network.state_dict().items()}


def thaw_state(state: dict[str, Any]) -> dict[str, Any]:
    """Undo :func:`freeze_state`."""
    state = copy.copy(state)
    if "network_" not in state:
        return state
    state["history_"] = tuple(HistoryRow(*row) for row in state["history_"])
    state.setdefault("n_outputs_", 1)  # old states do not hold it
    if state["spec_"] is None:
        state["network_"] = _called_again(state)
        return state
    from trainers.networks import NetworkSpec

    lists = ("input_shape", "hidden", "channels")
    plain: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in state["spec_"].items()}
    state["spec_"] = NetworkSpec(**plain)
    state["network_"] = rebuilt(state["spec_"], state["network_"])
    return state


def rebuilt(spec: NetworkSpec, weights: dict[str, NDArray[Any]]) -> torch.nn.Module:
    """Lay the network out and put the weights in.

    Raises
    ------
    TrainerError
        If names or shapes of the weights are not those of the layout.
    """
    import torch

    from trainers.networks import layout

    network = layout(spec)
    expected = {name: tuple(values.shape) for name, values in network.state_dict().items()}
    seen = {name: tuple(values.shape) for name, values in weights.items()}
    if expected != seen:
        differing = sorted(name for name in expected.keys() | seen.keys() if expected.get(name) != seen.get(name))
        raise TrainerError(
            f"the weights do not fit the network: {', '.join(differing[:5])} differ. The file is damaged"
        )
    tensors = {name: torch.tensor(values) for name, values in weights.items()}
    network.load_state_dict(tensors, assign=True)
    return network.eval()


def _called_again(state: dict[str, Any]) -> torch.nn.Module:
    """Call the user's function again and put the weights into what it builds."""
    import torch

    weights = {name: torch.tensor(values) for name, values in state["network_"].items()}
    outputs = state["n_outputs_"]
    if outputs == 1 and len(state.get("classes_", ())) > 2:
        outputs = len(state["classes_"])
    network: torch.nn.Module = state["network"](state["input_shape_"], outputs)
    network.load_state_dict(weights)
    return network.eval()
