"""What a network shows while it trains: gradients, lengths of steps, dead units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch  # noqa: TID253 -- this module is imported only when a network is trained
from torch import Tensor, nn  # noqa: TID253

from trainers.history import TRAIN
from trainers.layers import EncoderLayer
from trainers.networks import layer_names

ROWS = 512
"""Training rows, drawn once, on which scores and dead units are measured each epoch."""
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
        self.rows = torch.randperm(len(inputs), generator=generator)[:ROWS].sort().values.to(inputs.device)
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
        self.ranges: dict[str, tuple[Tensor, Tensor]] = {}
        self.gradients: list[Tensor] = []
        self.weights: list[Tensor] = []

    def before(self) -> None:
        """Remember gradients and weights before a step."""
        self.gradients = [values.grad.clone() for values in self.values if values.grad is not None]
        self.weights = [values.detach().clone() for values in self.values]

    def after(self) -> Facts:
        """Compare with the weights after the step."""
        if not self.weights or len(self.gradients) != len(self.weights):
            return {}
        moved = torch._foreach_sub([values.detach() for values in self.values], self.weights)
        norms = torch._foreach_norm([*self.gradients, *moved, *self.weights])
        squares = torch.stack(list(norms)).square().view(3, -1).t().tolist()
        sums: dict[str, list[float]] = {}
        for name, parts in zip(self.names, squares, strict=True):
            sums[name] = [one + two for one, two in zip(sums.get(name, [0.0] * 3), parts, strict=True)]
        facts: Facts = {}
        for name, (gradient, step, length) in sums.items():
            facts[TRAIN, f"gradient_norm:{name}"] = gradient**0.5
            facts[TRAIN, f"update_ratio:{name}"] = (step / length) ** 0.5 if length > 0 else 0.0
        return facts

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


def _activations(network: nn.Module) -> list[tuple[str, nn.Module, int]]:
    """Find the activations: the layer before each, the module, and the axis along which its units lie."""
    found: list[tuple[str, nn.Module, int]] = []
    layer, encoder = "", ""
    weighted = set(layer_names(network))
    for name, module in network.named_modules():
        layer = name if name in weighted else layer
        encoder = name if isinstance(module, EncoderLayer) else encoder
        if isinstance(module, nn.ReLU | nn.GELU | nn.Tanh | nn.Sigmoid):
            found.append((layer, module, 2 if encoder and name.startswith(encoder + ".") else 1))
    return found
