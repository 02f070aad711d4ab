"""Parts of networks that torch does not bring, or not with a generator of their own.

Token ids: 0 is padding, which stands at the end of a row and must not change what the row says; 1 is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch  # noqa: TID253 -- this module is imported only when a network is built
from torch import Tensor, nn  # noqa: TID253
from torch.nn import functional  # noqa: TID253

PADDING = 0
FOLLOWED = 0.01
"""Share of the way that a followed mean goes with each batch: more, and small batches are noise to the layers above."""


def dense(inputs: int, outputs: int) -> nn.Linear:
    """One fully connected layer.

    Examples
    --------
    >>> dense(3, 2).weight.shape
    torch.Size([2, 3])
    """
    return nn.Linear(inputs, outputs)


class Dropout(nn.Module):
    """Dropout that draws from its own generator, which the loop sets while it trains.

    torch's own draws from the global generator, so that a run in one thread would move another one's.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Silence a random share of the inputs while training."""
        if not self.training or not self.share:
            return inputs
        kept = torch.empty_like(inputs).bernoulli_(1 - self.share, generator=self.generator)
        return inputs * kept.div_(1 - self.share)


class Center(nn.Module):
    """Subtract the mean over rows: measured before training, and of images followed while the layers below learn.

    What convolution, rectifier and pooling give is never negative. Dense layers on top of it see one large common
    part in every row: each step moves all rows of a unit alike, and half of the units end on the side where a
    rectifier is never (or always) active. Without the common part they do not. No gradient goes through the mean.

    References
    ----------
    LeCun et al. 1998, Efficient BackProp (inputs of mean 0); Salimans and Kingma 2016 (mean-only normalization).
    """

    mean: Tensor

    def __init__(self, width: int, *, followed: bool = False) -> None:
        super().__init__()
        self.followed = followed
        self.register_buffer("mean", torch.zeros(width))

    def forward(self, inputs: Tensor) -> Tensor:
        """Subtract the mean, a little nearer to that of this batch while training."""
        if self.training and self.followed:
            self.mean.lerp_(inputs.detach().mean(dim=0), FOLLOWED)
            return inputs - self.mean.clone()
        return inputs - self.mean


class TokenEmbedding(nn.Module):
    """Turn token ids (rows, steps) into vectors (rows, steps, width), with the mask of what is not padding."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary, width))

    @torch.no_grad()
    def draw(self, generator: torch.Generator) -> None:
        """Draw first weights; padding is the zero vector."""
        self.weight.normal_(0, self.weight.shape[1] ** -0.5, generator=generator)
        self.weight[PADDING] = 0

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Look the vectors up."""
        mask = ids != PADDING
        mask = torch.cat([torch.ones_like(mask[:, :1]), mask[:, 1:]], dim=1)  # an empty row still has one step
        return functional.embedding(ids, self.weight, padding_idx=PADDING), mask


Steps = Tensor | tuple[Tensor, Tensor]


def _unpack(inputs: Steps) -> tuple[Tensor, Tensor | None]:
    return inputs if isinstance(inputs, tuple) else (inputs, None)


class TokenConvolution(nn.Module):
    """Convolutions over tokens, then the largest answer of each channel over the row.

    References
    ----------
    Kim 2014, Convolutional Neural Networks for Sentence Classification.
    """

    def __init__(
        self, width: int, channels: Sequence[int], kernel_size: int, activation: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for units in channels:
            self.stages.extend([nn.Conv1d(width, units, kernel_size, padding="same"), activation()])
            width = units

    def forward(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """Convolve, with padding silenced before each layer."""
        vectors, mask = inputs
        values, shown = vectors.transpose(1, 2), mask.unsqueeze(1)
        for stage in self.stages:
            values = stage(values * shown if isinstance(stage, nn.Conv1d) else values)
        tensor: Tensor = values.masked_fill(~shown, -torch.inf).amax(dim=2)
        return tensor


class Recurrent(nn.Module):
    """Stacked recurrent layers; the answer is the last state, of both directions where there are two.

    The backward direction reads each row from its own last step, so that padding is never read before content.
    """

    def __init__(self, kind: str, width: int, units: int, *, layers: int, bidirectional: bool, dropout: float) -> None:
        super().__init__()
        cell = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind]
        directions = 2 if bidirectional else 1
        widths = [width] + [units * directions] * (layers - 1)
        self.forward_layers = nn.ModuleList(cell(width, units, batch_first=True) for width in widths)
        self.backward_layers = nn.ModuleList(
            cell(width, units, batch_first=True) for width in (widths if bidirectional else [])
        )
        self.dropout = Dropout(dropout)

    def forward(self, inputs: Steps) -> Tensor:
        """Read the steps (rows, steps, channels) to the end; give (rows, units by directions)."""
        values, mask = _unpack(inputs)
        last = None if mask is None else mask.sum(dim=1) - 1
        states: list[Tensor] = []
        for number, layer in enumerate(self.forward_layers):
            states, outputs = [], []
            answer = layer(values)[0]
            states.append(_at(answer, last))
            outputs.append(answer)
            if len(self.backward_layers):
                reversed_answer = self.backward_layers[number](_reverse(values, last))[0]
                states.append(_at(reversed_answer, last))
                outputs.append(_reverse(reversed_answer, last))
            values = self.dropout(torch.cat(outputs, dim=2))
        summary: Tensor = self.dropout(torch.cat(states, dim=1))
        return summary


def _at(values: Tensor, last: Tensor | None) -> Tensor:
    """Pick each row's last step."""
    if last is None:
        return values[:, -1]
    return values.gather(1, last.view(-1, 1, 1).expand(-1, 1, values.shape[2])).squeeze(1)


def _reverse(values: Tensor, last: Tensor | None) -> Tensor:
    """Turn the order of the steps around, padding left where it is."""
    if last is None:
        return values.flip(1)
    steps = torch.arange(values.shape[1], device=values.device).unsqueeze(0)
    source = torch.where(steps <= last.unsqueeze(1), last.unsqueeze(1) - steps, steps)
    return values.gather(1, source.unsqueeze(2).expand(-1, -1, values.shape[2]))


class Attention(nn.Module):
    """Transformer encoder: learned positions, layers of self-attention, then one vector for each row."""

    def __init__(
        self,
        channels: int,
        steps: int,
        width: int,
        *,
        layers: int,
        heads: int,
        pooling: str,
        dropout: float,
        activation: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        self.project = nn.Linear(channels, width) if channels else None
        self.positions = nn.Parameter(torch.empty(1, steps, width))
        self.class_token = nn.Parameter(torch.empty(1, 1, width)) if pooling == "class" else None
        self.layers = nn.ModuleList(EncoderLayer(width, heads, dropout, activation) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    @torch.no_grad()
    def draw(self, generator: torch.Generator) -> None:
        """Draw the positions and the class token."""
        self.positions.normal_(0, 0.02, generator=generator)
        if self.class_token is not None:
            self.class_token.normal_(0, 0.02, generator=generator)

    def forward(self, inputs: Steps) -> Tensor:
        """Encode (rows, steps, channels), or embedded tokens with their mask, into (rows, width)."""
        values, mask = _unpack(inputs)
        if self.project is not None:
            values = self.project(values)
        values = self.dropout(values + self.positions[:, : values.shape[1]])
        if self.class_token is not None:
            values = torch.cat([self.class_token.expand(len(values), -1, -1), values], dim=1)
            mask = None if mask is None else torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)
        seen = None if mask is None else mask[:, None, None, :]
        for layer in self.layers:
            values = layer(values, seen)
        return self._summed_up(self.norm(values), mask)

    def _summed_up(self, values: Tensor, mask: Tensor | None) -> Tensor:
        if self.class_token is not None:
            return values[:, 0]
        if mask is None:
            return values.mean(dim=1)
        weight = mask.unsqueeze(2).to(values.dtype)
        return (values * weight).sum(dim=1) / weight.sum(dim=1)


class EncoderLayer(nn.Module):
    """Self-attention and a dense part, each normalized before and added to what came in."""

    def __init__(self, width: int, heads: int, dropout: float, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 3 * width)
        self.attention_output = nn.Linear(width, width)
        self.dense_norm = nn.LayerNorm(width)
        self.dense_input = nn.Linear(width, 2 * width)
        self.activation = activation()
        self.dense_output = nn.Linear(2 * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        """Attend among the steps of each row; `mask` (rows, 1, 1, steps) is False for padding."""
        rows, steps, width = values.shape
        parts = self.attention(self.attention_norm(values)).view(rows, steps, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(rows, steps, width)
        values = values + self.dropout(self.attention_output(mixed))
        inner: Tensor = self.activation(self.dense_input(self.dense_norm(values)))
        added: Tensor = self.dropout(self.dense_output(inner))
        return values + added


class Residual(nn.Module):
    """Two convolutions around which the input goes by, named as torchvision names them (its ``BasicBlock``)."""

    def __init__(self, width: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or width != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(width, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, values: Tensor) -> Tensor:
        """Convolve, and add what came in."""
        inner = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(values)))))
        around = values if self.downsample is None else self.downsample(values)
        added: Tensor = self.relu(inner + around)
        return added
