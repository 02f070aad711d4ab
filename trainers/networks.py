"""Functions that build a module from shapes; the only place that knows architectures.

Every builder takes a :class:`NetworkSpec` and returns a module that maps a batch to raw outputs (logits, or the
standardized target). Modules are laid out without values; :func:`build` then draws them from its own generator, so
the global generator of torch is neither read nor moved.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch  # noqa: TID253 -- this module is imported only when a network is built
from torch import Tensor, nn  # noqa: TID253

from trainers.errors import TrainerError
from trainers.initialization import initialize
from trainers.layers import Attention, Center, Dropout, Recurrent, Residual, TokenConvolution, TokenEmbedding, dense

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "hard_swish": nn.Hardswish,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


RECTIFIERS = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu", "mish", "hard_swish", "softplus"})
"""Activations that He's initialization is made for."""
SHALLOW = 3
"""Hidden layers up to which small first weights do not make gradients vanish."""
MOST_FEATURES = 4096
"""Values that a convolutional network hands to its dense layers, unless set otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """Everything that determines a network's layout; plain values that fit into JSON."""

    kind: str
    input_shape: tuple[int, ...]
    """Shape of one row: (features,), (steps, channels) or (channels, height, width); (steps,) of token ids."""
    outputs: int
    vocabulary: int = 0
    """Number of token ids, padding and unknown included; 0 for continuous inputs."""
    hidden: tuple[int, ...] = ()
    channels: tuple[int, ...] = (16, 32)
    kernel_size: int = 3
    pool: int = 2
    units: int = 64
    layers: int = 1
    bidirectional: bool = False
    heads: int = 4
    pooling: str = "mean"
    activation: str = "relu"
    init: str = "auto"
    batch_norm: bool = False
    dropout: float = 0.0
    readout: str = "flatten"
    """How what convolutions find goes to the dense layers: ``flatten``, ``grid`` or ``global``."""
    centered: bool = False
    """Whether the mean of what convolutions find over training rows is subtracted before dense layers."""


def build(spec: NetworkSpec, generator: torch.Generator) -> nn.Module:
    """Lay out a network and draw its first weights.

    Parameters
    ----------
    spec : NetworkSpec
    generator : torch.Generator
        Source of all randomness; the global one is left alone.

    Returns
    -------
    torch.nn.Module
        On the CPU, in float32, in training mode.

    Raises
    ------
    TrainerError
        If the input does not fit the architecture.

    References
    ----------
    He et al. 2015 (initialization for rectifiers); Glorot and Bengio 2010 (for tanh and sigmoid); Saxe et al. 2014
    (orthogonal recurrent weights); Jozefowicz et al. 2015 (forget gate open at first).

    Examples
    --------
    >>> spec = NetworkSpec(kind="mlp", input_shape=(3,), outputs=2, hidden=(4,))
    >>> network = build(spec, torch.Generator().manual_seed(0))
    >>> [name for name, _ in network.named_children()]
    ['hidden1', 'activation1', 'output']
    """
    network = layout(spec).to_empty(device="cpu")
    initialize(network, generator, scheme_for(spec))
    return network


def scheme_for(spec: NetworkSpec) -> str:
    """Choose how weights are drawn: as stated, else by the activation, the depth and the kind of network.

    A shallow network of a table starts from small weights, as long as those of torch's own layers: its first answers
    are near the constant, and few noisy rows are memorized less. Deeper ones need He's, which keep signals as long as
    they are.

    Examples
    --------
    >>> scheme_for(NetworkSpec(kind="mlp", input_shape=(3,), outputs=1, hidden=(64, 64)))
    'small'
    >>> scheme_for(NetworkSpec(kind="mlp", input_shape=(3,), outputs=1, hidden=(64,) * 5))
    'he'
    """
    if spec.init != "auto":
        return spec.init
    if spec.activation not in RECTIFIERS:
        return "xavier"
    return "small" if spec.kind == "mlp" and len(spec.hidden) <= SHALLOW else "he"


def layout(spec: NetworkSpec) -> nn.Module:
    """Lay out a network without values, on the meta device: shapes can be compared before memory is asked for.

    Examples
    --------
    >>> network = layout(NetworkSpec(kind="mlp", input_shape=(3,), outputs=2))
    >>> network.output.weight.shape
    torch.Size([2, 3])
    """
    with torch.device("meta"):
        return BUILDERS[spec.kind](spec)


def _blocks(spec: NetworkSpec, width: int, first: list[tuple[str, nn.Module]]) -> nn.Module:
    """Dense layers and the output on top of what comes first."""
    parts = OrderedDict(first)
    for number, units in enumerate(spec.hidden, start=1):
        parts[f"hidden{number}"] = dense(width, units)
        if spec.batch_norm:
            parts[f"norm{number}"] = nn.BatchNorm1d(units)
        parts[f"activation{number}"] = ACTIVATIONS[spec.activation]()
        if spec.dropout:
            parts[f"dropout{number}"] = Dropout(spec.dropout)
        width = units
    parts["output"] = dense(width, spec.outputs)
    return nn.Sequential(parts)


def mlp(spec: NetworkSpec) -> nn.Module:
    """Feedforward network: input, hidden layers of any number, output."""
    width = 1
    for size in spec.input_shape:
        width *= size
    flatten: list[tuple[str, nn.Module]] = [("flatten", nn.Flatten())] if len(spec.input_shape) > 1 else []
    return _blocks(spec, width, flatten)


def cnn(spec: NetworkSpec) -> nn.Module:
    """Convolution, activation and pooling by turns, then dense layers; over time, over images or over tokens."""
    if spec.vocabulary:
        first: list[tuple[str, nn.Module]] = [("embedding", TokenEmbedding(spec.vocabulary, spec.units))]
        body = TokenConvolution(spec.units, spec.channels, spec.kernel_size, ACTIVATIONS[spec.activation])
        return _blocks(spec, spec.channels[-1], [*first, ("convolutions", body), *_center(spec, spec.channels[-1])])
    image = len(spec.input_shape) == 3
    sizes = list(spec.input_shape[1:]) if image else [spec.input_shape[0]]
    width = spec.input_shape[0] if image else spec.input_shape[1]
    parts: list[tuple[str, nn.Module]] = [("channels_last", _ChannelsLast()) if image else ("steps_last", _StepsLast())]
    for number, channels in enumerate(spec.channels, start=1):
        convolution = nn.Conv2d if image else nn.Conv1d
        parts.append((f"convolution{number}", convolution(width, channels, spec.kernel_size, padding="same")))
        if spec.batch_norm:
            parts.append((f"convolution_norm{number}", (nn.BatchNorm2d if image else nn.BatchNorm1d)(channels)))
        parts.append((f"convolution_activation{number}", ACTIVATIONS[spec.activation]()))
        if spec.pool > 1 and min(sizes) >= spec.pool:
            parts.append((f"pool{number}", (nn.MaxPool2d if image else nn.MaxPool1d)(spec.pool)))
            sizes = [size // spec.pool for size in sizes]
        width = channels
    sizes = _read_out(spec, width, sizes, parts)
    parts.append(("flatten", nn.Flatten()))
    for size in sizes:
        width *= size
    return _blocks(spec, width, [*parts, *_center(spec, width)])


def readout_for(wanted: str, input_shape: tuple[int, ...], channels: tuple[int, ...], pool: int) -> str:
    """Choose how a convolutional network's features are read out: all of them where they are few, else by a grid.

    Examples
    --------
    >>> readout_for("auto", (1, 28, 28), (16, 32), 2), readout_for("auto", (3, 150, 150), (16, 32), 2)
    ('flatten', 'grid')
    """
    if wanted != "auto":
        return wanted
    image = len(input_shape) == 3
    sizes = list(input_shape[1:]) if image else [input_shape[0]]
    for _ in channels:
        sizes = [size // pool for size in sizes] if pool > 1 and min(sizes) >= pool else sizes
    return "flatten" if channels[-1] * math.prod(sizes) <= MOST_FEATURES else "grid"


def _read_out(spec: NetworkSpec, width: int, sizes: list[int], parts: list[tuple[str, nn.Module]]) -> list[int]:
    """Average the features over everything, or over a grid of at most 4096 values; return the sizes that are left."""
    image = len(sizes) == 2
    if spec.readout == "global":
        parts.append(("readout", nn.AdaptiveAvgPool2d(1) if image else nn.AdaptiveAvgPool1d(1)))
        return [1 for _ in sizes]
    if spec.readout == "flatten":
        return sizes
    side = max(1, int((MOST_FEATURES / width) ** (1 / len(sizes))))
    widths = [math.ceil(size / side) for size in sizes]
    parts.append(("readout", nn.AvgPool2d((widths[0], widths[1])) if image else nn.AvgPool1d(widths[0])))
    return [size // width for size, width in zip(sizes, widths, strict=True)]


def _center(spec: NetworkSpec, width: int) -> list[tuple[str, nn.Module]]:
    image = len(spec.input_shape) == 3
    return [("center", Center(width, followed=image))] if spec.centered and spec.hidden else []


class _StepsLast(nn.Module):
    """Turn (rows, steps, channels) into (rows, channels, steps), as convolutions read it."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Swap steps and channels."""
        return inputs.transpose(1, 2)


class _ChannelsLast(nn.Module):
    """Lay images out in memory with their channels side by side, where convolutions run up to three times as fast."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Give the same values in the same shape."""
        return inputs.contiguous(memory_format=torch.channels_last)


def recurrent(spec: NetworkSpec) -> nn.Module:
    """Plain recurrent network, LSTM or GRU, in one or both directions; its last state goes to the dense layers."""
    parts: list[tuple[str, nn.Module]] = []
    width = spec.input_shape[-1]
    if spec.vocabulary:
        parts.append(("embedding", TokenEmbedding(spec.vocabulary, spec.units)))
        width = spec.units
    body = Recurrent(
        spec.kind, width, spec.units, layers=spec.layers, bidirectional=spec.bidirectional, dropout=spec.dropout
    )
    parts.append(("recurrent", body))
    return _blocks(spec, spec.units * (2 if spec.bidirectional else 1), parts)


def transformer(spec: NetworkSpec) -> nn.Module:
    """Encode with a Transformer (pre-norm) over tokens or continuous steps, with learned positions.

    References
    ----------
    Vaswani et al. 2017, Attention Is All You Need; Xiong et al. 2020 (normalization before the sublayer).
    """
    parts: list[tuple[str, nn.Module]] = []
    if spec.vocabulary:
        parts.append(("embedding", TokenEmbedding(spec.vocabulary, spec.units)))
        channels = 0
    else:
        channels = spec.input_shape[1]
    body = Attention(
        channels,
        spec.input_shape[0],
        spec.units,
        layers=spec.layers,
        heads=spec.heads,
        pooling=spec.pooling,
        dropout=spec.dropout,
        activation=ACTIVATIONS[spec.activation],
    )
    parts.append(("encoder", body))
    return _blocks(spec, spec.units, parts)


def resnet(spec: NetworkSpec) -> nn.Module:
    """Residual network of images, with the names that torchvision gives; (64, 128, 256, 512) and 2 is its resnet18.

    References
    ----------
    He et al. 2016, Deep Residual Learning for Image Recognition.
    """
    width = spec.channels[0]
    parts: list[tuple[str, nn.Module]] = [
        ("channels_last", _ChannelsLast()),
        ("conv1", nn.Conv2d(spec.input_shape[0], width, 7, stride=2, padding=3, bias=False)),
        ("bn1", nn.BatchNorm2d(width)),
        ("relu", nn.ReLU()),
        ("maxpool", nn.MaxPool2d(3, stride=2, padding=1)),
    ]
    for number, channels in enumerate(spec.channels, start=1):
        strides = [1 if number == 1 else 2] + [1] * (spec.layers - 1)
        widths = [width] + [channels] * (spec.layers - 1)
        blocks = [Residual(number, channels, stride) for number, stride in zip(widths, strides, strict=True)]
        parts.append((f"layer{number}", nn.Sequential(*blocks)))
        width = channels
    parts += [("avgpool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten())]
    return _blocks(spec, width, parts)


BUILDERS: Mapping[str, Callable[[NetworkSpec], nn.Module]] = {
    "mlp": mlp,
    "cnn": cnn,
    "rnn": recurrent,
    "lstm": recurrent,
    "gru": recurrent,
    "transformer": transformer,
    "resnet": resnet,
}


def fits(kind: str, input_shape: tuple[int, ...], *, tokens: bool) -> None:
    """Refuse an input that the architecture cannot read.

    Raises
    ------
    TrainerError
        Says which dimensions were seen and which are expected.

    Examples
    --------
    >>> fits("mlp", (3,), tokens=False)
    """
    seen = f"rows of shape {input_shape}"
    if kind in {"rnn", "lstm", "gru", "transformer"} and not tokens and len(input_shape) != 2:
        raise TrainerError(
            f"network {kind!r} was given {seen}; expected (steps, channels): pass X with 3 "
            "dimensions, or set input_shape"
        )
    if kind == "resnet" and (tokens or len(input_shape) != 3):
        raise TrainerError(
            f"network 'resnet' was given {seen}; expected images: X with 4 dimensions, or "
            "input_shape=(channels, height, width)"
        )
    if kind == "cnn" and not tokens and len(input_shape) not in {2, 3}:
        raise TrainerError(
            f"network 'cnn' was given {seen}; expected (steps, channels) or (channels, height, width): pass X with "
            "3 or 4 dimensions, or set input_shape"
        )


@torch.no_grad()
def center_features(network: nn.Module, inputs: Tensor) -> None:
    """Let a :class:`trainers.layers.Center` know the mean of what stands before it, over some training rows.

    Parameters
    ----------
    network : torch.nn.Module
        Networks without such a part are left alone.
    inputs : Tensor
        A few hundred training rows, as the network reads them.

    Examples
    --------
    >>> network = nn.Sequential(OrderedDict(body=nn.ReLU(), center=Center(1), output=nn.Linear(1, 1)))
    >>> center_features(network, torch.tensor([[1.0], [3.0]]))
    >>> network.center.mean
    tensor([2.])
    """
    mode = network.training
    network.eval()
    values = inputs
    for part in network.children() if any(isinstance(part, Center) for part in network.children()) else ():
        if isinstance(part, Center):
            part.mean.copy_(values.mean(dim=0))
            break
        values = part(values)
    network.train(mode)


def layer_names(network: nn.Module) -> tuple[str, ...]:
    """Name the parts that hold weights of their own, from input to output; normalizations are left out.

    Examples
    --------
    >>> spec = NetworkSpec(kind="mlp", input_shape=(3,), outputs=1, hidden=(4, 4))
    >>> layer_names(layout(spec))
    ('hidden1', 'hidden2', 'output')
    """
    return tuple(
        name
        for name, module in network.named_modules()
        if any(values.dim() > 1 for values in module.parameters(recurse=False))
    )
