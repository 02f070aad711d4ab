"""Models that a user's own code makes: an object by name, or a torch module with weights from a file."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

from audit.errors import AuditError, ConfigError, ModelError, hint, shown
from audit.models.containment import guarded
from audit.models.load import Model, wrap
from audit.models.torch_files import fill
from audit.models.torch_modules import is_module
from audit.optional import require


def from_object(name: str, folder: Path) -> Model:
    """Import a Python object you own: ``package.module:name``, found from `folder` or the environment.

    Raises
    ------
    ConfigError
        If the module or the name does not exist.
    """
    return wrap(_imported("object", name, folder), name=name.partition(":")[2], format_="object")


def from_builder(name: str, weights: Path | None, folder: Path) -> Model:
    """Build a torch module with a function of your own, and put the weights of a safetensors file into it.

    Parameters
    ----------
    name : str
        ``package.module:build``: a function without arguments, or a class, or a module.
    weights : Path, optional
        State dict as safetensors, which holds no code.
    folder : Path
        Where modules are looked for, beside the environment.

    Raises
    ------
    ConfigError, ModelError
        If there is no such function, it raises, or the weights do not fit.
    """
    require("torch", extra="torch", purpose="torch modules")
    made = _imported("torch", name, folder)
    if not is_module(made) and callable(made):
        try:
            with guarded(f"calling {name}"):
                made = made()
        except AuditError:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:200]
            raise ModelError(f"[model] torch: {shown(name)} raised {type(error).__name__}: {said}") from error
    model = wrap(fill(made, weights, name), name=name.partition(":")[2], format_="torch", file=weights)
    parameters = {**model.info.parameters, "builder": f"{name} (code of your own)"}
    return replace(model, info=replace(model.info, parameters=parameters))


def _imported(key: str, name: str, folder: Path) -> object:
    """Import ``package.module:name``."""
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"[model] {key} is {shown(name)}; expected 'package.module:name'.")
    sys.path.insert(0, str(folder))
    try:
        with guarded(f"importing {module_name}"):
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"[model] {key}: no module {shown(error.name)}; it is looked for in {shown(folder)} and the environment."
        ) from error
    except AuditError:
        raise
    except Exception as error:
        raise ModelError(f"importing {shown(module_name)} raised {type(error).__name__}: {str(error)[:200]}") from error
    finally:
        sys.path.remove(str(folder))
    if not hasattr(module, attribute):
        raise ConfigError(
            f"[model] {key}: {shown(module_name)} has no {shown(attribute)}." + hint(attribute, vars(module))
        )
    found: object = getattr(module, attribute)
    return found
