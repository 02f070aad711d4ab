"""First weights of a network, from a generator of its own."""

from __future__ import annotations

import torch  # noqa: TID253 -- this module is imported only when a network is built
from torch import nn  # noqa: TID253

from trainers.layers import Attention, Center, TokenEmbedding


def initialize(network: nn.Module, generator: torch.Generator, scheme: str) -> None:
    """Draw all weights, ``small``, by ``he`` or by ``xavier``; recurrent ones orthogonal, biases 0.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(3, 1))
    >>> initialize(network, torch.Generator().manual_seed(0), "he")
    >>> float(network[0].bias.detach())
    0.0
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            _draw_weights(module, generator, "xavier" if scheme == "he" and name == "output" else scheme)
        elif isinstance(module, nn.RNNBase):
            _draw_recurrent(module, generator)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
            module.reset_parameters()
        elif isinstance(module, Center):
            module.mean.zero_()
        elif isinstance(module, TokenEmbedding | Attention):
            module.draw(generator)


@torch.no_grad()
def _draw_weights(module: nn.Linear | nn.Conv1d | nn.Conv2d, generator: torch.Generator, scheme: str) -> None:
    if scheme == "small":
        most = module.weight[0].numel() ** -0.5
        nn.init.uniform_(module.weight, -most, most, generator=generator)
    elif scheme == "he":
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
    else:
        nn.init.xavier_uniform_(module.weight, generator=generator)
    if module.bias is not None:
        module.bias.zero_()


@torch.no_grad()
def _draw_recurrent(module: nn.RNNBase, generator: torch.Generator) -> None:
    size = module.hidden_size
    for name, values in module.named_parameters():
        if name.startswith("weight_ih"):
            for gate in torch.split(values, size):
                nn.init.xavier_uniform_(gate, generator=generator)
        elif name.startswith("weight_hh"):
            for gate in torch.split(values, size):
                nn.init.orthogonal_(gate, generator=generator)
        else:
            values.zero_()
            if isinstance(module, nn.LSTM) and name.startswith("bias_ih"):
                values[size : 2 * size] = 1.0
