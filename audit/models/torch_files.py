"""Torch modules from files: exported programs, TorchScript, and weights for a module that the user builds."""

from __future__ import annotations

from typing import Any

from audit.errors import ModelError, quote
from audit.models.torch_modules import TorchModel
from audit.optional import require


def load_program(path: Any) -> object:  # noqa: ANN401 -- a Path; the signature of loaders
    """Read a program that ``torch.export`` saved (``.pt2``).

    Raises
    ------
    ModelError
        If the file holds none.
    """
    torch = require("torch", extra="torch", purpose="torch programs")
    import torch.export  # noqa: F811 -- a submodule that torch imports when asked

    program = torch.export.load(path)
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder" and "val" in node.meta]
    fed = shapes[-1:] if shapes else []
    rows = fed[0][0] if fed and len(fed[0]) else None
    shape = tuple(int(size) for size in fed[0][1:]) if fed and all(isinstance(size, int) for size in fed[0][1:]) else ()
    return TorchModel(program.module(), fixed=rows if isinstance(rows, int) else None, shape=shape)


def load_script(path: Any) -> object:  # noqa: ANN401 -- a Path; the signature of loaders
    """Read TorchScript, or a pickled module (``.pt``, ``.pth``); the caller has the user's word for its code.

    Raises
    ------
    ModelError
        If the file holds weights alone; says the lines to write.
    """
    torch = require("torch", extra="torch", purpose="torch modules")
    try:
        return TorchModel(torch.jit.load(path, map_location="cpu"))
    except RuntimeError:
        result = torch.load(path, map_location="cpu", weights_only=False)
    if isinstance(result, torch.nn.Module):
        return TorchModel(result)
    raise ModelError(
        f"{quote(path.name)} holds weights and no module. Save them as safetensors "
        f'(safetensors.torch.save_file(module.state_dict(), "state.safetensors")), and state [model] '
        'torch = "package.module:build" (a function of yours that builds the module) and weights = "state.safetensors".'
    )


def fill(module: object, weights: Any, builder: str) -> object:  # noqa: ANN401 -- a Path
    """Put the weights of a safetensors file into a module.

    Raises
    ------
    ModelError
        If the builder gave no module, or names or shapes differ.
    """
    torch = require("torch", extra="torch", purpose="torch modules")
    safetensors = require("safetensors.torch", extra="torch", purpose="weights")
    if not isinstance(module, torch.nn.Module):
        raise ModelError(
            f"[model] torch: {quote(builder)} gave {quote(type(module).__name__)}; expected a function without "
            "arguments that returns a torch.nn.Module."
        )
    result: Any = module
    if weights is None:
        return result
    if weights.suffix != ".safetensors":
        raise ModelError(
            f"[model] weights is {quote(weights.name)}; expected a .safetensors file, which holds no code. Write "
            'it with safetensors.torch.save_file(module.state_dict(), "state.safetensors").'
        )
    if not weights.is_file():
        raise ModelError(f"[model] weights: no file {quote(str(weights))}. Paths are relative to the configuration.")
    try:
        state = safetensors.load_file(weights)
    except Exception as error:
        raise ModelError(
            f"[model] weights: {quote(weights.name)} is not a complete safetensors file: {error}"
        ) from error
    expected = {name: tuple(values.shape) for name, values in module.state_dict().items()}
    seen = {name: tuple(values.shape) for name, values in state.items()}
    differing = sorted(name for name in expected.keys() | seen.keys() if expected.get(name) != seen.get(name))
    if differing:
        first = differing[0]
        raise ModelError(
            f"[model] weights: {len(differing)} parts differ from what {quote(builder)} builds; "
            f"{quote(first)} is {seen.get(first, 'absent')} in the file, {expected.get(first, 'absent')} in the "
            "module. Build the module with the parameters it was trained with."
        )
    result.load_state_dict(state)
    return result
