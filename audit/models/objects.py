"""Models that a user's own code makes: an object by name, or a torch module with weights from a file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

from audit.errors import AuditError, ConfigError, ModelError, hint, quote
from audit.models.containment import guard_call
from audit.models.load import Model, wrap
from audit.models.torch_files import fill
from audit.models.torch_modules import is_module
from audit.optional import require
from reports.record import Task


def estimator_kind(model: Model | None) -> Literal["classifier", "regressor", ""]:
    """Return whether scikit-learn takes the model for a classifier or a regressor.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> estimator_kind(wrap(Ridge().fit([[0], [1]], [0, 1])))
    'regressor'
    """
    from sklearn.base import is_classifier, is_regressor

    if model is None:
        return ""
    try:
        return "classifier" if is_classifier(model.predictor) else "regressor" if is_regressor(model.predictor) else ""
    except (AttributeError, TypeError):  # no estimator of scikit-learn's
        return ""


def require_task(model: Model, task: Task) -> None:
    """Refuse a classifier where amounts are predicted, and a regressor where classes are.

    Raises
    ------
    ModelError

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> require_task(wrap(Ridge().fit([[0], [1]], [0, 1])), "binary")
    Traceback (most recent call last):
    audit.errors.ModelError: the model is a regressor (Ridge), the task is binary; expected a classifier. State...
    """
    fits, other = ("regressor", "classifier") if task == "regression" else ("classifier", "regressor")
    if estimator_kind(model) == other:
        tasks = "binary or multiclass" if task == "regression" else "regression"
        raise ModelError(
            f"the model is a {other} ({model.info.name}), the task is {task}; expected a {fits}. State the task of "
            f"the model ({tasks}), or name its answers in [data] prediction and score."
        )


def from_object(name: str, folder: Path, *, trust: bool = False) -> Model:
    """Import a Python object you own: ``package.module:name``, which runs the module.

    Parameters
    ----------
    name : str
    folder : Path
        Where the configuration stands; a module below it is as much the user's own as the configuration.
    trust : bool
        The user's word that a module from elsewhere may run.

    Raises
    ------
    ConfigError
        If the module or the name does not exist, or stands elsewhere without trust.
    """
    value = import_object("[model] object", name, folder, trust=trust)
    return wrap(value, name=name.partition(":")[2], format_="object", runs_code=True)


def _require_own(module_name: str, folder: Path, key: str, trusted_by: str) -> None:
    """Refuse to import a module that stands elsewhere than the configuration, before any of it is run."""
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        spec = importlib.util.find_spec(module_name.partition(".")[0])
    except (ValueError, ImportError):
        return
    finally:
        sys.path.remove(str(folder))
    if spec is None:
        return
    places = [Path(place) for place in (spec.submodule_search_locations or [spec.origin or ""])]
    if not any(place.resolve().is_relative_to(folder.resolve()) for place in places):
        raise ConfigError(
            f"{key}: importing {quote(module_name)} runs its code, and it does not stand below "
            f"{quote(folder)}, where the configuration does. State {trusted_by} trust = true if you trust it."
        )


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
    value = import_object("[model] torch", name, folder, trust=True)
    if not is_module(value) and callable(value):
        try:
            with guard_call(f"calling {name}"):
                value = value()
        except AuditError:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:200]
            raise ModelError(f"[model] torch: {quote(name)} raised {type(error).__name__}: {said}") from error
    model = wrap(fill(value, weights, name), name=name.partition(":")[2], format_="torch", file=weights, runs_code=True)
    parameters = {**model.info.parameters, "builder": f"{name} (code of your own)"}
    unstated = f"No [model] weights are stated: the module has those that {name} gives it."
    notes = (*model.info.notes, *(() if weights is not None else (unstated,)))
    return replace(model, info=replace(model.info, parameters=parameters, notes=notes))


def import_object(key: str, name: str, folder: Path, *, trust: bool = False, trusted_by: str = "[model]") -> object:
    """Import ``package.module:name``, which runs the module.

    Parameters
    ----------
    key : str
        Where the name stands, for messages.
    name : str
    folder : Path
        Where the configuration stands; a module below it is as much the user's own as the configuration.
    trust : bool
        The user's word that a module from elsewhere may run.
    trusted_by : str
        The table in which that word is given.

    Raises
    ------
    ConfigError, ModelError
        If there is no such module or name, it stands elsewhere without trust, or importing it fails.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"{key} is {quote(name)}; expected 'package.module:name'.")
    if not trust:
        _require_own(module_name, folder, key, trusted_by)
    sys.path.insert(0, str(folder))
    try:
        with guard_call(f"importing {module_name}"):
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{key}: no module {quote(error.name)}; it is looked for in {quote(folder)} and the environment."
        ) from error
    except AuditError:
        raise
    except Exception as error:
        raise ModelError(f"importing {quote(module_name)} raised {type(error).__name__}: {str(error)[:200]}") from error
    finally:
        sys.path.remove(str(folder))
    if not hasattr(module, attribute):
        raise ConfigError(f"{key}: {quote(module_name)} has no {quote(attribute)}." + hint(attribute, vars(module)))
    value: object = getattr(module, attribute)
    return value
