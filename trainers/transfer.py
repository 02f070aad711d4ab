"""Start from a trained backbone: freeze it, put a new head on it, train, unfreeze by stages.

A backbone comes from a fitted estimator, from a model file of ours, or from a safetensors file that holds the state
dict of a torchvision-style network. Only numbers are taken from it, by name and shape; no code of a file runs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from trainers import fitting, inputs, state
from trainers.errors import FileError, TrainerError, need, quote
from trainers.estimators import NetworkClassifier, NetworkRegressor
from trainers.files import fingerprint, load

if TYPE_CHECKING:
    import torch

Model = NetworkClassifier | NetworkRegressor
ARCHITECTURE = (
    *("network", "activation", "batch_norm", "channels", "kernel_size", "pool", "units", "layers", "bidirectional"),
    *("heads", "pooling", "input_shape", "tokens", "vocabulary_size", "max_length", "dtype"),
)
"""Parameters that a new model takes over from a backbone of ours; ``hidden`` too where that is the body (mlp)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One part of the training."""

    unfreeze: int | Literal["all"] = 0
    """How many layers of the backbone learn, counted from the head; 0 trains the head alone."""
    epochs: int = 30
    learning_rate: float = 1e-3


STAGES = (Stage(), Stage(unfreeze="all", learning_rate=1e-4))
"""The head alone, then everything with a tenth of the rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """Weights to start from, and what they expect of the inputs."""

    name: str
    weights: dict[str, NDArray[Any]]
    center: NDArray[np.float64] | None = None
    scale: NDArray[np.float64] | None = None
    vocabulary: tuple[str, ...] | None = None
    token_count: int = 0
    parameters: dict[str, Any] | None = None
    """Architecture of a backbone of ours."""
    regression: bool = False

    def lend(self, network: torch.nn.Module, kind: str) -> None:
        """Copy the backbone into a network, part by part; the head stays new.

        Raises
        ------
        TrainerError
            If a part is missing or has another shape.
        """
        import torch

        from trainers.gradients import head_of

        head = head_of(kind)
        own = {name: values for name, values in network.state_dict().items() if not name.startswith(head)}
        seen = {name: tuple(values.shape) for name, values in self.weights.items()}
        counters = {name for name in own if name.endswith("num_batches_tracked")}
        unfit = [name for name in own if seen.get(name) != tuple(own[name].shape) and name not in counters]
        if unfit or not own:
            first = unfit[0] if unfit else "the body"
            raise TrainerError(
                f"backbone {quote(self.name)} does not fit: {len(unfit)} of {len(own)} parts differ; {first} is "
                f"{seen.get(first, 'absent')} there, {tuple(own[first].shape) if first in own else 'empty'} here. Use "
                "the parameters that the backbone was made with"
            )
        with torch.no_grad():
            for name in own.keys() & seen.keys():
                own[name].copy_(torch.from_numpy(np.array(self.weights[name])))


def backbone(source: Model | str | os.PathLike[str]) -> Backbone:
    """Read a backbone from a fitted estimator, a model file of ours, or a state dict in safetensors.

    Raises
    ------
    FileError
        If the file is missing, cut short or of another kind.

    Examples
    --------
    >>> model = NetworkClassifier(epochs=1, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> sorted(backbone(model).weights)[:2]
    ['hidden1.bias', 'hidden1.weight']
    """
    if not isinstance(source, NetworkClassifier | NetworkRegressor):
        return _from_file(Path(source))
    if not hasattr(source, "network_") or source.spec_ is None:
        raise TrainerError("the backbone is not fitted, or its network is a function; expected a fitted named network")
    parameters = source.get_params(deep=False)
    names = (*ARCHITECTURE, "hidden") if source.network == "mlp" else ARCHITECTURE
    return Backbone(
        name=type(source).__name__,
        weights=state.weights_of(source.network_),
        center=source.center_,
        scale=source.scale_,
        vocabulary=source.vocabulary_,
        token_count=source.token_count_,
        parameters={name: parameters[name] for name in names},
        regression=isinstance(source, NetworkRegressor),
    )


def _from_file(path: Path) -> Backbone:
    need("safetensors", extra="torch", purpose="a backbone")
    import safetensors
    from safetensors.numpy import load_file

    if not path.is_file():
        raise FileError(f"there is no file {quote(path)}; expected a model file, or a state dict in safetensors")
    try:
        with safetensors.safe_open(path, framework="np") as file:
            ours = "modelassay" in (file.metadata() or {})
        weights = {} if ours else load_file(path)
    except (safetensors.SafetensorError, OSError, TypeError, ValueError) as error:
        raise FileError(f"{quote(path)} is not a complete safetensors file ({error})") from error
    if not ours:
        return Backbone(name=path.name, weights=weights)
    model = load(path)
    loaded = backbone(model.steps[-1][1] if hasattr(model, "steps") else model)
    return Backbone(**{field: getattr(loaded, field) for field in Backbone.__dataclass_fields__} | {"name": path.name})


def transfer(
    source: Backbone | Model | str | os.PathLike[str],
    X: Any,  # noqa: ANN401 -- arrays, frames and lists of texts have no common type
    y: ArrayLike,
    *,
    model: Model | None = None,
    stages: Sequence[Stage] = STAGES,
    sample_weight: ArrayLike | None = None,
    validation: tuple[Any, ...] | None = None,
) -> Model:
    """Fit a network that starts from a backbone.

    Parameters
    ----------
    source : Backbone, fitted estimator or path
    X, y, sample_weight : as in `fit`
    model : NetworkClassifier or NetworkRegressor, optional
        Unfitted; its parameters hold for the training and, where the body is no ``mlp``, for the dense layers of
        the new head (``hidden``). The body is that of a backbone of ours, and this model's own with a state dict,
        which names none. Without it: a model like the backbone's.
    stages : sequence of Stage
    validation : tuple, optional
        Held-out rows of your own; else `validation_fraction` is drawn once, for all stages.

    Returns
    -------
    NetworkClassifier or NetworkRegressor
        Fitted; ``transfer_`` tells where it came from.

    Raises
    ------
    TrainerError
        If the backbone does not fit, or a stage is none.

    References
    ----------
    Yosinski et al. 2014, How transferable are features in deep neural networks?; Howard and Ruder 2018 (gradual
    unfreezing).
    """
    body = source if isinstance(source, Backbone) else backbone(source)
    if model is None and body.parameters is None:
        raise TrainerError("a state dict names no architecture; pass model=NetworkClassifier(network=..., ...)")
    fresh = clone(model) if model is not None else (NetworkRegressor if body.regression else NetworkClassifier)()
    fresh.set_params(**(body.parameters or {}), warm_start=True)
    wanted = fresh.get_params(deep=False)
    _check_stages(stages)
    if validation is None:
        X, y, sample_weight, validation = _hold_out(fresh, X, np.asarray(y), sample_weight)
    fresh._borrowed = body
    try:
        for stage in stages:
            fresh.set_params(learning_rate=stage.learning_rate, epochs=stage.epochs)
            fresh._unfrozen = stage.unfreeze
            fresh.fit(X, y, sample_weight, validation=validation)
    finally:
        fresh.__dict__.pop("_borrowed", None)
        fresh.__dict__.pop("_unfrozen", None)
    for values in fresh.network_.parameters():
        values.requires_grad_(True)
    fresh.set_params(warm_start=False, learning_rate=wanted["learning_rate"], epochs=wanted["epochs"])
    fresh.transfer_ = {
        "backbone": body.name,
        "sha256": fingerprint(body.weights),
        "stages": [asdict(stage) for stage in stages],
    }
    return fresh


def _check_stages(stages: Sequence[Stage]) -> None:
    if not stages:
        raise TrainerError("there are no stages; expected at least one Stage")
    for stage in stages:
        whole = isinstance(stage.unfreeze, int) and not isinstance(stage.unfreeze, bool) and stage.unfreeze >= 0
        if stage.unfreeze != "all" and not whole:
            raise TrainerError(f"unfreeze is {quote(stage.unfreeze)}; expected a number of layers, or 'all'")


def _hold_out(
    model: Model,
    X: Any,  # noqa: ANN401
    y: NDArray[Any],
    sample_weight: ArrayLike | None,
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None, tuple[Any, ...] | None]:
    """Draw validation rows once, so that no stage trains on what another one stopped by."""
    weights = inputs.row_weights(sample_weight, len(y))
    strata = isinstance(model, NetworkClassifier) and y.ndim == 1
    codes = np.unique(y, return_inverse=True)[1] if strata else None
    rng = np.random.default_rng(fitting.seed(model.random_state))
    kept, held = inputs.held_out(len(y), float(model.validation_fraction), rng, codes)
    if not len(held):
        model.set_params(validation_fraction=0.0)
        return X, y, weights, None
    validation = (_safe_indexing(X, held), y[held], *(() if weights is None else (weights[held],)))
    return _safe_indexing(X, kept), y[kept], None if weights is None else weights[kept], validation
