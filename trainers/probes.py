"""What a network shows while it trains: gradients, lengths of steps, dead units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch  # noqa: TID253 -- this module is imported only when a network is trained
from torch import Tensor, nn  # noqa: TID253

from trainers.gradients import Rows, mean_loss
from trainers.history import TRAIN
from trainers.layers import Dropout, EncoderLayer, TokenEmbedding
from trainers.networks import layer_names

ROWS, FEWEST_ROWS = 512, 64
"""Training rows, drawn once, on which scores and dead units are measured each epoch; fewer of large images."""
VALUES = 2**22
"""Numbers that these rows hold at most."""
SEQUENCES = 64
"""Sequences on which gradients by time step are measured each epoch."""
LEAST_STEPS = 10
LIMIT = 0.99
"""A sigmoid or tanh unit beyond this share of its range has next to no gradient."""

Facts = dict[tuple[str, str], float]
"""What an epoch showed: (split, quantity) to value."""


class Sight:
    """Looks at one network: at a step from before to after it, and at its units while it runs forward.

    A ReLU or GELU unit is dead where it is positive for no row; a sigmoid or tanh unit where all rows drive it to the
    same end of its range. A channel of a convolution is one unit.
    """

    def __init__(self, network: nn.Module, inputs: Tensor, generator: torch.Generator) -> None:
        most = min(ROWS, max(FEWEST_ROWS, VALUES // max(1, inputs[0].numel())))
        self.rows = torch.randperm(len(inputs), generator=generator)[:most].sort().values.to(inputs.device)
        modules = dict(network.named_modules())
        trained = [
            (name, values)
            for name in layer_names(network)
            for values in modules[name].parameters(recurse=False)
            if values.requires_grad
        ]
        self.names = [name for name, _ in trained]
        self.values = [values for _, values in trained]
        self.units = _activations(network)
        self.network = network
        self.recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
        self.start = _length(self.values)
        self.ranges: dict[str, tuple[Tensor, Tensor]] = {}
        self.slopes: list[Tensor] = []
        self.weights: list[Tensor] = []

    def before(self) -> None:
        """Remember gradients and weights before a step."""
        self.slopes = [values.grad.clone() for values in self.values if values.grad is not None]
        self.weights = [values.detach().clone() for values in self.values]

    def after(self) -> Facts:
        """Compare with the weights after the step."""
        if not self.weights or len(self.slopes) != len(self.weights):
            return {}
        moved = torch._foreach_sub([values.detach() for values in self.values], self.weights)
        norms = torch._foreach_norm([*self.slopes, *moved, *self.weights])
        squares = torch.stack(list(norms)).square().view(3, -1).t().tolist()
        sums: dict[str, list[float]] = {}
        for name, parts in zip(self.names, squares, strict=True):
            sums[name] = [value + two for value, two in zip(sums.get(name, [0.0] * 3), parts, strict=True)]
        facts: Facts = {}
        for name, (gradient, step, length) in sums.items():
            facts[TRAIN, f"gradient_norm:{name}"] = gradient**0.5
            facts[TRAIN, f"update_ratio:{name}"] = (step / length) ** 0.5 if length > 0 else 0.0
        facts[TRAIN, "weight_ratio"] = _length(self.values) / self.start if self.start > 0 else 1.0
        return facts

    def gradients(self, rows: Rows, objective: str) -> Facts:
        """Measure the gradient of each layer on these rows, without a trace in network or generators."""
        with _undisturbed(self.network):
            loss = mean_loss(self.network(rows.inputs), rows, objective)
            tensors = torch.autograd.grad(loss, self.values, allow_unused=True)
        squares: dict[str, float] = {}
        for name, values in zip(self.names, tensors, strict=True):
            squares[name] = squares.get(name, 0.0) + (0.0 if values is None else float(values.square().sum()))
        facts: Facts = {(TRAIN, f"gradient_norm:{name}"): square**0.5 for name, square in squares.items()}
        return {(TRAIN, "initial_loss"): float(loss.detach()), **facts}

    def early_steps(self, rows: Rows, objective: str) -> Facts:
        """Compare the gradient by the first tenth of a sequence's steps with that of the tenth where it is longest."""
        if not self.recurrent:
            return {}
        rows = rows.take(slice(SEQUENCES))
        with _undisturbed(self.network, training=False), _embed(self.network) as vectors:
            inputs = rows.inputs
            if inputs.is_floating_point():
                inputs = inputs.detach().requires_grad_()
            loss = mean_loss(self.network(inputs), rows, objective)
            source = inputs if inputs.is_floating_point() else (vectors[0] if vectors else None)
            if source is None:
                return {}
            (tensor,) = torch.autograd.grad(loss, source)
        if tensor.dim() != 3 or tensor.shape[1] < LEAST_STEPS:
            return {}
        tenths = torch.stack([part.square().sum() for part in torch.tensor_split(tensor.double(), 10, dim=1)]).sqrt()
        return {(TRAIN, "early_step_ratio"): float(tenths[0] / tenths.max())} if float(tenths.max()) > 0 else {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note, during forward passes, the range of each unit over the rows."""
        self.ranges = {}
        handles = [module.register_forward_hook(self._hook(layer, axis)) for layer, module, axis in self.units]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, layer: str, axis: int) -> Callable[[nn.Module, object, Tensor], None]:
        def see(_module: nn.Module, _inputs: object, outputs: Tensor) -> None:
            low, high = torch.aminmax(outputs.transpose(0, axis).flatten(1), dim=1)
            if layer in self.ranges:
                low, high = torch.minimum(low, self.ranges[layer][0]), torch.maximum(high, self.ranges[layer][1])
            self.ranges[layer] = low, high

        return see

    def dead_units(self) -> Facts:
        """Give the share of dead units by layer."""
        facts: Facts = {}
        for layer, module, _ in self.units:
            if layer not in self.ranges:
                continue
            low, high = self.ranges[layer]
            if isinstance(module, nn.Tanh | nn.Sigmoid):
                bottom = -LIMIT if isinstance(module, nn.Tanh) else 1 - LIMIT
                dead = (high < bottom) | (low > LIMIT)
            else:
                dead = high <= 0
            facts[TRAIN, f"dead_units:{layer}"] = float(dead.sum()) / len(dead)
        return facts


def _length(parameters: list[nn.Parameter]) -> float:
    return math.sqrt(sum(float(values.detach().square().sum()) for values in parameters))


@contextmanager
def _undisturbed(network: nn.Module, *, training: bool = True) -> Iterator[None]:
    """Run forward and backward, and leave running statistics, modes and generators as they were."""
    kept = {name: values.clone() for name, values in network.named_buffers()}
    modes = {module: module.training for module in network.modules()}
    drops = [module for module in network.modules() if isinstance(module, Dropout)]
    before = [module.generator for module in drops]
    network.train(training)
    for drop in drops:
        drop.generator = torch.Generator(device=next(network.parameters()).device).manual_seed(0)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        for drop, generator in zip(drops, before, strict=True):
            drop.generator = generator
        for module, mode in modes.items():
            module.training = mode
        with torch.no_grad():
            for name, values in network.named_buffers():
                values.copy_(kept[name])


@contextmanager
def _embed(network: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what embeddings of tokens give."""
    seen: list[Tensor] = []

    def see(_module: nn.Module, _inputs: object, outputs: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
        vectors = outputs[0] if isinstance(outputs, tuple) else outputs
        if not vectors.requires_grad:  # the embedding is frozen
            vectors = vectors.detach().requires_grad_()
        seen.append(vectors)
        return (vectors, *outputs[1:]) if isinstance(outputs, tuple) else vectors

    layers = [module for module in network.modules() if isinstance(module, TokenEmbedding | nn.Embedding)]
    handles = [module.register_forward_hook(see) for module in layers]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def narrowest_layer(network: nn.Module) -> int:
    """Return the fewest units of a layer between inputs and output; 0 where there is none.

    Examples
    --------
    >>> narrowest_layer(nn.Sequential(nn.Linear(9, 3), nn.ReLU(), nn.Linear(3, 1)))
    3
    """
    modules = dict(network.named_modules())
    widths = [_width(modules[name]) for name in layer_names(network)]
    return min((width for width in widths[:-1] if width), default=0)


def _width(module: nn.Module) -> int:
    """Return a layer's units; 0 where that says nothing about room (embeddings, positions)."""
    if isinstance(module, nn.RNNBase):
        return module.hidden_size
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
        return int(module.weight.shape[0])
    return 0


def _activations(network: nn.Module) -> list[tuple[str, nn.Module, int]]:
    """Find the activations: the layer before each, the module, and the axis along which its units lie."""
    entries: list[tuple[str, nn.Module, int]] = []
    layer, encoder = "", ""
    weighted = set(layer_names(network))
    for name, module in network.named_modules():
        layer = name if name in weighted else layer
        encoder = name if isinstance(module, EncoderLayer) else encoder
        if isinstance(module, nn.ReLU | nn.GELU | nn.Tanh | nn.Sigmoid):
            entries.append((layer, module, 2 if encoder and name.startswith(encoder + ".") else 1))
    return entries
