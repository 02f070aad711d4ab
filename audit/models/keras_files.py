"""Keras 3 models from ``.keras`` files, in safe mode and on Keras's torch backend: no code of the file runs.

Keras looks classes up by the module that a file names. Before it does, every name is compared with what belongs to
Keras itself; Lambda layers, functions, classes of the author's own and files named as vocabularies are refused.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import ModelError, quote
from audit.models.torch_modules import TorchModel
from audit.optional import require

if TYPE_CHECKING:
    import torch

CODE = frozenset({"Lambda", "function", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"})
"""Classes of Keras that hold code, or run another file's."""
MOST_CONFIG = 50_000_000
"""Bytes of a description of layers."""
EXPORT = (
    'Export it: model.export("model.onnx", format="onnx"), and state [model] path = "model.onnx"; or write an object '
    'with predict(X) around it: [model] object = "package.module:name".'
)


def load_keras(path: Path) -> object:
    """Read a ``.keras`` file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ModelError
        If the file is not such an archive, holds code, or the model reads several inputs; ends with the lines to write.
    MissingExtra
        If Keras is not installed.
    """
    _refuse_code(path)
    keras = _keras()
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras makes of a stranger's file, the user reads one line
        said = " ".join(str(error).split())[:200]
        raise ModelError(f"{quote(path.name)} could not be loaded by Keras: {said}. {EXPORT}") from error
    return of_keras(model)


def of_keras(model: object) -> TorchModel | None:
    """Take a Keras model for a torch module that it is; None for what is none.

    Raises
    ------
    ModelError
        If it runs on another backend than torch, or reads several inputs.
    """
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        return None
    _require_torch(keras)
    built: Any = model
    if len(built.inputs) != 1 or len(built.outputs) != 1:
        raise ModelError(
            f"the Keras model reads {len(built.inputs)} inputs and gives {len(built.outputs)} outputs; expected one of "
            f"each. {EXPORT}"
        )
    shape = tuple(built.inputs[0].shape[1:])
    known = tuple(int(size) for size in shape) if all(isinstance(size, int) for size in shape) else ()
    result = TorchModel(_channels_anywhere(built, known), shape=_channels_first(known), activation=_activation(built))
    result.token_count_ = int(_reads_ids(built))
    result.input_shape_ = _channels_first(known)
    return result


def _keras() -> Any:  # noqa: ANN401 -- a module
    """Import Keras on its torch backend, unless the user's own code has imported it already."""
    require("torch", extra="keras", purpose="Keras models")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = require("keras", extra="keras", purpose="Keras models")
    _require_torch(keras)
    return keras


def _require_torch(keras: Any) -> None:  # noqa: ANN401
    if keras.backend.backend() != "torch":
        raise ModelError(
            f"Keras runs on {keras.backend.backend()} here; expected torch. Set KERAS_BACKEND=torch before Python "
            f"starts. {EXPORT}"
        )


def _refuse_code(path: Path) -> None:
    """Read the description of the layers, and refuse what could make Keras run or fetch anything."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > MOST_CONFIG:
                raise ModelError(f"{quote(path.name)}: the description of its layers is too large to be one.")
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{quote(path.name)} is not a Keras 3 file ({type(error).__name__}). Save the model with "
            f'model.save("model.keras") in Keras 3. {EXPORT}'
        ) from error
    for part in _parts({name: value for name, value in config.items() if name != "compile_config"}):
        module, name = str(part.get("module") or "keras"), str(part.get("class_name"))
        own = module != "keras" and not module.startswith("keras.")
        if own or name in CODE or module.startswith(("keras.utils", "keras.src.utils")):
            raise ModelError(
                f"{quote(path.name)} holds {quote(name)} of {quote(module)}, which is code; a Keras file is read "
                f"without running any. {EXPORT}"
            )
        inner = part.get("config")
        if isinstance(inner, dict) and isinstance(inner.get("vocabulary"), str):
            raise ModelError(f"{quote(path.name)}: {quote(name)} names a file of words, which is not read. {EXPORT}")


def _parts(value: object) -> Iterator[dict[str, Any]]:
    """Yield every description of an object that a configuration holds, at any depth."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _activation(model: Any) -> str:  # noqa: ANN401
    """Name the activation that the last layer ends in; "" where it is unknown."""
    last = model.layers[-1]
    if type(last).__name__ in {"Softmax", "Activation", "Dense"}:
        return str(getattr(getattr(last, "activation", None), "__name__", type(last).__name__)).lower()
    return ""


def _reads_ids(model: Any) -> bool:  # noqa: ANN401
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    return bool(layers) and type(layers[0]).__name__ == "Embedding"


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of images as an audit has it, (channels, height, width); of other rows as they are.

    Examples
    --------
    >>> _channels_first((28, 28, 1)), _channels_first((24, 2))
    ((1, 28, 28), (24, 2))
    """
    return (shape[2], *shape[:2]) if len(shape) == 3 and shape[2] in {1, 3} else shape


def _channels_anywhere(model: torch.nn.Module, shape: tuple[int, ...]) -> torch.nn.Module:
    """Let a model of images, which Keras reads with their channels last, also read them with their channels first."""
    import torch

    first = _channels_first(shape)
    if first == shape:
        return model

    class ChannelsAnywhere(torch.nn.Module):
        """The model; rows of either layout."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            """Answer rows."""
            answer: torch.Tensor = self.model(inputs.permute(0, 2, 3, 1) if inputs.shape[1:] == first else inputs)
            return answer

    return ChannelsAnywhere()
