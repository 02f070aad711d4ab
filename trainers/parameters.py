"""What a network can be given: the parameters of both estimators, and what a fit asks of the task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from trainers.history import HistoryRow

if TYPE_CHECKING:
    import torch


Floats = NDArray[np.float64]


@dataclass(kw_only=True, eq=False, repr=False)
class Parameters(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn ships no types
    """Parameters that classifier and regressor share, and what a fit asks of the task."""

    network: str | Callable[..., torch.nn.Module] = "mlp"
    """``mlp``, ``cnn``, ``resnet``, ``rnn``, ``lstm``, ``gru``, ``transformer``, or a function (row shape, outputs)."""
    hidden: tuple[int, ...] | None = None
    """Units of the dense hidden layers; None: (64, 64) for ``mlp``, (64,) for ``cnn``, none for the others."""
    activation: str = "relu"
    """``relu``, ``leaky_relu``, ``elu``, ``selu``, ``gelu``, ``silu``, ``mish``, ``hard_swish``, ``softplus``, ``tanh``
    or ``sigmoid``."""
    init: str = "auto"
    """First weights: ``small`` (as torch's own layers), ``he``, ``xavier``, or ``auto``: by activation and depth."""
    batch_norm: bool = False
    """Batch normalization before each activation of dense and convolutional layers."""
    dropout: float = 0.0
    """Share of units that are silenced in each training step."""
    channels: tuple[int, ...] = (16, 32)
    """Channels of the convolutions of ``cnn``, of the stages of ``resnet``."""
    kernel_size: int = 3
    """Width of the convolutions, in pixels or steps."""
    pool: int = 2
    """Width of the pooling after each convolution; 1 for none."""
    readout: str = "auto"
    """How features of ``cnn`` go to its dense layers: ``flatten`` (all), ``grid`` (averages over a grid of at most
    4096 values), ``global`` (one average by channel); ``auto``: all where they are at most 4096, else the grid."""
    units: int = 64
    """Width of recurrent layers, of the Transformer and of token embeddings."""
    layers: int = 1
    """Number of recurrent or Transformer layers; of blocks in a stage of ``resnet``."""
    bidirectional: bool = False
    """Whether recurrent layers read from both ends."""
    heads: int = 4
    """Attention heads of the Transformer."""
    pooling: str = "mean"
    """How the Transformer sums a row up: ``mean`` of its steps, or a ``class`` token."""
    input_shape: tuple[int, ...] | None = None
    """Shape of one row if `X` is a table of flattened rows: (steps, channels) or (channels, height, width)."""
    tokens: str | None = None
    """``word`` or ``character`` if `X` holds texts, ``ids`` if it holds token ids (0 is padding)."""
    vocabulary_size: int = 10_000
    """Most tokens that are distinguished, padding and unknown included."""
    max_length: int = 200
    """Tokens of a text that are read; the rest is cut off."""
    loss: str = "auto"
    """``auto`` is cross-entropy, or squared error in regression; ``focal`` for classes; ``absolute``, ``huber`` or
    ``quantile`` for numbers."""
    alpha: float | None = None
    """The quantile (0.5); where Huber's loss turns straight, in deviations of the target (1); focus of ``focal`` (2);
    None: the number in brackets."""
    optimizer: str = "adam"
    """``adam``, ``adamw``, ``sgd`` (with Nesterov momentum) or ``rmsprop``."""
    learning_rate: float = 1e-3
    momentum: float = 0.9
    """Momentum of ``sgd``; 0 is plain gradient descent."""
    schedule: str = "constant"
    """Learning rate by epoch: ``constant``, ``cosine``, ``linear``, ``exponential``, ``step``, ``plateau``."""
    warmup: int = 0
    """Epochs over which the learning rate rises first."""
    l1: float = 0.0
    """Weight of the sum of absolute weights (matrices only)."""
    l2: float = 0.0
    """Weight decay (matrices only)."""
    clip_norm: float | None = None
    """Longest gradient that is followed; longer ones are shortened to it."""
    batch_size: int | str = "auto"
    """Rows of a step; ``auto``: a twentieth of the rows, between 16 and 256."""
    epochs: int = 100
    """Most passes over the rows."""
    early_stopping: bool = True
    """Stop after `patience` epochs without progress, and restore the weights that were best on held-out rows."""
    patience: int = 10
    validation_fraction: float = 0.1
    """Share of the rows held out for early stopping and history; none where that would be fewer than 8."""
    standardize: bool | str = True
    """Standardize inputs (by column, or by channel of sequences and images) inside, with sample weights; ``pixels``
    divides bytes by 255 instead."""
    augment: Mapping[str, float] | None = None
    """Changes while training: of images ``shift`` (pixels), ``flip`` (probability), ``rotate`` (degrees), ``crop``
    (share of the side); of any numbers ``noise`` (deviations) and ``mixup`` (the numbers of its beta distribution)."""
    precision: str = "full"
    """``mixed`` trains in bfloat16 where torch finds that safe (autocast); predictions stay in `dtype`."""
    dtype: str = "float32"
    """``float32`` or ``float64``."""
    device: str = "auto"
    """``auto`` is an accelerator where there is one."""
    threads: int | None = 1
    """Threads that torch may use in fit and predict; None leaves torch's own setting."""
    warm_start: bool = False
    """Whether `fit` goes on from the last weights."""
    scoring: tuple[str, ...] = ()
    """Names of scikit-learn's scorers, measured on the held-out rows after each epoch (``score:<name>``)."""
    verbose: int | bool = 0
    """A line after every so many epochs, True for each; 0 for none."""
    checkpoint: str | None = None
    """File that keeps the state after each epoch; the same fit, called again, goes on from there. Gone at the end."""
    on_epoch: Callable[[tuple[HistoryRow, ...]], object] | None = None
    """Called with each epoch's history rows; training stops where it returns True. It is not saved."""
    random_state: int | np.random.RandomState | None = None
    """Seed; the same seed gives the same bits on the same machine. No global generator is touched."""

    # --- what the two tasks do differently --------------------------------------------------------

    @abstractmethod
    def _encode(self, y: object, *, reset: bool) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
        """Turn a target into numbers, and into codes that strata are made of."""

    def _weigh(self, codes: NDArray[np.int64] | None) -> Floats | None:  # noqa: ARG002 -- classes have weights
        return None

    @abstractmethod
    def _objective(self) -> tuple[str, int]:
        """Name the task, and say how many outputs the network has."""

    def _code(self, favorable: object) -> int:  # noqa: ARG002 -- classes have codes
        """Return the code of the favorable class; -1 without classes."""
        return -1

    def _see_target(self, target: NDArray[Any], weights: Floats | None) -> None:
        """Take from the training rows what the target's encoding needs."""
