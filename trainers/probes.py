"""What a network shows while it trains: gradients, lengths of steps, dead units."""

from __future__ import annotations

from types import TracebackType

import torch  # noqa: TID253 -- this module is imported only when a network is trained
from torch import Tensor, nn  # noqa: TID253

from trainers.history import TRAIN, HistoryRow
from trainers.layers import EncoderLayer
from trainers.networks import layer_names

ROWS = 512
"""Training rows, drawn once, on which scores and dead units are measured each epoch."""
LIMIT = 0.99
"""A sigmoid or tanh unit beyond this share of its range has next to no gradient."""


def sample(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Draw the rows that are looked at each epoch.

    Examples
    --------
    >>> sample(torch.zeros(3, 2), torch.Generator().manual_seed(0)).sort().values
    tensor([0, 1, 2])
    """
    chosen = torch.randperm(len(inputs), generator=generator)[:ROWS]
    return chosen.sort().values.to(inputs.device)


class Step:
    """One step of the optimizer, seen from before to after it."""

    def __init__(self, network: nn.Module, epoch: int) -> None:
        self.epoch = epoch
        self.names: list[str] = []
        self.values: list[Tensor] = []
        modules = dict(network.named_modules())
        for name in layer_names(network):
            for values in modules[name].parameters(recurse=False):
                if values.grad is not None:
                    self.names.append(name)
                    self.values.append(values)
        self.gradients = torch._foreach_norm([values.grad for values in self.values if values.grad is not None])
        self.before = [values.detach().clone() for values in self.values]

    def rows(self) -> list[HistoryRow]:
        """Compare with the weights after the step."""
        if not self.values:
            return []
        after = [values.detach() for values in self.values]
        moved = torch._foreach_norm(torch._foreach_sub(after, self.before))
        lengths = torch._foreach_norm(self.before)
        table = torch.stack([torch.stack(list(one)) for one in (self.gradients, moved, lengths)]).square()
        sums: dict[str, list[float]] = {}
        for name, *squares in zip(self.names, *table.tolist(), strict=True):
            sums[name] = [one + two for one, two in zip(sums.get(name, [0.0] * 3), squares, strict=True)]
        found = []
        for name, (gradient, step, length) in sums.items():
            found.append(HistoryRow(self.epoch, TRAIN, f"gradient_norm:{name}", gradient**0.5))
            ratio = (step / length) ** 0.5 if length > 0 else 0.0
            found.append(HistoryRow(self.epoch, TRAIN, f"update_ratio:{name}", ratio))
        return found


class DeadUnits:
    """Counts, during forward passes, the units that never (or always) are active.

    A ReLU or GELU unit is dead where it is positive for no row; a sigmoid or tanh unit where all rows drive it to the
    same end of its range. A channel of a convolution is one unit.
    """

    def __init__(self, network: nn.Module, epoch: int) -> None:
        self.epoch = epoch
        self.low: dict[str, Tensor] = {}
        self.high: dict[str, Tensor] = {}
        self.kinds: dict[str, type[nn.Module]] = {}
        self.handles = []
        layer, last_axis = "", False
        weighted = set(layer_names(network))
        for name, module in network.named_modules():
            layer = name if name in weighted else layer
            last_axis = isinstance(module, EncoderLayer) or (last_axis and ".layers." in name)
            if isinstance(module, nn.ReLU | nn.GELU | nn.Tanh | nn.Sigmoid):
                self.kinds[layer] = type(module)
                self.handles.append(module.register_forward_hook(self._hook(layer, last_axis=last_axis)))

    def _hook(self, layer: str, *, last_axis: bool):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- torch's own hook type
        def see(_module: nn.Module, _inputs: object, outputs: Tensor) -> None:
            unit = outputs.dim() - 1 if last_axis else 1
            axes = tuple(axis for axis in range(outputs.dim()) if axis != unit)
            low, high = outputs.amin(dim=axes), outputs.amax(dim=axes)
            if layer in self.low:
                low, high = torch.minimum(low, self.low[layer]), torch.maximum(high, self.high[layer])
            self.low[layer], self.high[layer] = low, high

        return see

    def __enter__(self) -> DeadUnits:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self.handles:
            handle.remove()

    def rows(self) -> list[HistoryRow]:
        """Give the share of dead units by layer."""
        found = []
        for layer, low in self.low.items():
            high, kind = self.high[layer], self.kinds[layer]
            if kind in {nn.Tanh, nn.Sigmoid}:
                bottom = -LIMIT if kind is nn.Tanh else 1 - LIMIT
                dead = (high < bottom) | (low > LIMIT)
            else:
                dead = high <= 0
            share = float(dead.to(low.dtype).mean())
            found.append(HistoryRow(self.epoch, TRAIN, f"dead_units:{layer}", share))
        return found
