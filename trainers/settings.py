"""Check the parameters of an estimator before anything is trained: one table, one message form."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Mapping

from trainers.errors import TrainerError, hint, quote, quote_all

NETWORKS = ("mlp", "cnn", "rnn", "lstm", "gru", "transformer", "resnet")
CHOICES: Mapping[str, tuple[object, ...]] = {
    "activation": (
        "relu",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "mish",
        "hard_swish",
        "softplus",
        "tanh",
        "sigmoid",
    ),
    "loss": ("auto", "focal", "absolute", "huber", "quantile"),
    "precision": ("full", "mixed"),
    "init": ("auto", "small", "he", "xavier"),
    "optimizer": ("adam", "adamw", "sgd", "rmsprop"),
    "schedule": ("constant", "cosine", "linear", "exponential", "step", "plateau"),
    "pooling": ("mean", "class"),
    "readout": ("auto", "flatten", "grid", "global"),
    "tokens": (None, "ids", "word", "character"),
    "dtype": ("float32", "float64"),
}
AUGMENTATIONS = ("shift", "flip", "noise", "rotate", "crop", "mixup")
MOST_LAYERS = 1000  # a file or a slip of the keyboard must not build networks without end


def _is_real(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(float(value))


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= least


def _whole(least: int) -> Callable[[object], bool]:
    return lambda value: _is_whole(value, least)


def _real(low: float, high: float = math.inf, *, open_low: bool = False) -> Callable[[object], bool]:
    def holds(value: object) -> bool:
        if not _is_real(value):
            return False
        number = float(value)  # type: ignore[arg-type]
        return (low < number if open_low else low <= number) and number < high

    return holds


def _or(special: object, rule: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: (value is special or (isinstance(value, str) and value == special)) or rule(value)


def _sizes(value: object) -> bool:
    return isinstance(value, tuple | list) and len(value) <= MOST_LAYERS and all(_is_whole(item, 1) for item in value)


def _augment(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        name in AUGMENTATIONS and _is_real(amount) and float(amount) >= 0 for name, amount in value.items()
    )


def _names(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(item, str) for item in value)


def _flag(value: object) -> bool:
    return type(value).__name__ in {"bool", "bool_"}


RULES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "hidden": (_or(None, _sizes), "a tuple of whole numbers above 0, or None"),
    "channels": (lambda value: _sizes(value) and bool(value), "a tuple of whole numbers above 0"),
    "kernel_size": (_whole(1), "a whole number of at least 1"),
    "pool": (_whole(1), "a whole number of at least 1"),
    "units": (_whole(1), "a whole number of at least 1"),
    "layers": (lambda value: _is_whole(value, 1) and int(str(value)) <= MOST_LAYERS, "a whole number of at least 1"),
    "heads": (_whole(1), "a whole number of at least 1"),
    "dropout": (_real(0.0, 1.0), "a share, at least 0 and under 1"),
    "input_shape": (_or(None, lambda value: _sizes(value) and bool(value)), "a tuple of 1 to 3 whole numbers, or None"),
    "vocabulary_size": (_whole(3), "a whole number of at least 3"),
    "max_length": (_whole(1), "a whole number of at least 1"),
    "learning_rate": (_real(0.0, open_low=True), "a number above 0"),
    "momentum": (_real(0.0, 1.0), "a number of at least 0 and under 1"),
    "warmup": (_whole(0), "a whole number of epochs, at least 0"),
    "l1": (_real(0.0), "a number of at least 0"),
    "l2": (_real(0.0), "a number of at least 0"),
    "clip_norm": (_or(None, _real(0.0, open_low=True)), "a number above 0, or None"),
    "batch_size": (_or("auto", _whole(1)), "a whole number of at least 1, or 'auto'"),
    "alpha": (_or(None, _real(0.0)), "a number of at least 0, or None"),
    "epochs": (_whole(1), "a whole number of at least 1"),
    "patience": (_whole(1), "a whole number of epochs, at least 1"),
    "validation_fraction": (_real(0.0, 1.0), "a share, at least 0 and under 1"),
    "threads": (_or(None, _whole(1)), "a whole number of at least 1, or None"),
    "augment": (
        _or(None, _augment),
        f"a mapping of {quote_all(AUGMENTATIONS)} to numbers of at least 0, or None",
    ),
    "scoring": (_names, "a tuple of names of scikit-learn's scorers"),
    "verbose": (lambda value: _flag(value) or _is_whole(value, 0), "a whole number of epochs, at least 0, or True"),
    "checkpoint": (_or(None, lambda value: isinstance(value, str | os.PathLike)), "a path, or None"),
    "on_epoch": (_or(None, callable), "a function of the epoch's history rows, or None"),
    "batch_norm": (_flag, "True or False"),
    "bidirectional": (_flag, "True or False"),
    "early_stopping": (_flag, "True or False"),
    "standardize": (_or("pixels", _flag), "True, False or 'pixels'"),
    "warm_start": (_flag, "True or False"),
}


def check(parameters: Mapping[str, object]) -> None:
    """Refuse parameters that cannot be trained with.

    Raises
    ------
    TrainerError
        Names the parameter, what was seen, what is expected, and the nearest known name.

    Examples
    --------
    >>> check({"optimizer": "adam", "learning_rate": 0.1})
    >>> check({"dtype": "float23"})
    Traceback (most recent call last):
    trainers.errors.TrainerError: dtype is 'float23'; expected one of 'float32', 'float64'. Did you mean 'float32'?
    """
    for name, value in parameters.items():
        if name in CHOICES and value not in CHOICES[name]:
            _refuse_choice(name, value, CHOICES[name])
        if name in RULES and not RULES[name][0](value):
            raise TrainerError(f"{name} is {quote(value)}; expected {RULES[name][1]}")
    network = parameters.get("network", "mlp")
    if not callable(network) and network not in NETWORKS:
        _refuse_choice("network", network, NETWORKS, also=", or a function that builds a module")
    _check_together(parameters)


def _refuse_choice(name: str, value: object, choices: tuple[object, ...], *, also: str = "") -> None:
    raise TrainerError(f"{name} is {quote(value)}; expected one of {quote_all(choices)}{also}.{hint(value, choices)}")


def _check_together(parameters: Mapping[str, object]) -> None:
    if parameters.get("batch_norm") and parameters.get("batch_size") == 1:
        raise TrainerError("batch_size is 1 with batch_norm=True; a batch needs two rows to have a variance. Raise it")
    if parameters.get("tokens") is not None and parameters.get("network") == "mlp":
        raise TrainerError(
            "tokens are given to network='mlp', which cannot read a sequence; expected 'cnn', 'rnn', 'lstm', 'gru' "
            "or 'transformer'"
        )
    if parameters.get("augment") and parameters.get("tokens") is not None:
        raise TrainerError("augment is set for tokens; expected images. Leave augment=None")
    if parameters.get("loss") == "quantile" and not 0 < float(str(parameters.get("alpha") or 0.5)) < 1:
        raise TrainerError(f"alpha is {parameters.get('alpha')} with loss='quantile'; expected a share between 0 and 1")
    if float(str(dict(parameters.get("augment") or {}).get("crop", 0.0))) >= 1:  # type: ignore[call-overload]
        raise TrainerError("augment crops all of an image; expected a share under 1")
    if float(str(dict(parameters.get("augment") or {}).get("flip", 0.0))) > 1:  # type: ignore[call-overload]
        raise TrainerError("augment flips with a probability above 1; expected one of at most 1")
    units, heads = parameters.get("units", 64), parameters.get("heads", 4)
    if parameters.get("network") == "transformer" and int(str(units)) % int(str(heads)):
        raise TrainerError(f"units is {units} with {heads} heads; expected a multiple of the heads")
