"""Loss and gradients of a batch: by autograd, or in closed form where a network is plain dense layers.

For small networks the cost of a step is the overhead of each operation, not arithmetic. Two things cut it without
changing the result: trained parameters lie end to end in one or two vectors, so that the optimizer, clipping and
penalties touch one tensor instead of dozens; and plain dense networks get their gradients from the five lines of the
chain rule instead of from a recorded graph (tests compare the two).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch  # noqa: TID253 -- this module is imported only when a network is trained
from torch import Tensor, nn  # noqa: TID253
from torch.nn import functional  # noqa: TID253

from trainers.losses import by_row, is_plain, row_losses

PLAIN = (nn.ReLU, nn.Tanh, nn.Sigmoid)


class Rows(NamedTuple):
    """Inputs, encoded targets and weights of mean 1 (or none), on one device."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None
    contrasts: Tensor | None = None
    """Groups to be compared, see :mod:`trainers.penalty`; none where nothing is penalized."""
    aims: Tensor | None = None

    def take(self, chosen: Tensor | slice) -> Rows:
        """Return some of the rows."""
        return Rows(*(None if part is None else part[chosen] for part in self))  # type: ignore[arg-type]


Gradients = Callable[[Rows], Tensor]
"""Writes the gradients of a batch into the parameters and gives the loss."""


class Flat(NamedTuple):
    """Trained parameters end to end; the network's own are views into them."""

    matrices: list[nn.Parameter]
    """What L1 and L2 act on."""
    vectors: list[nn.Parameter]
    """Biases and what normalizations learn."""


def head_of(kind: str) -> tuple[str, ...]:
    """Say how the names of a network's head begin: its output, and the dense layers on top of another body.

    Examples
    --------
    >>> head_of("mlp"), head_of("cnn")
    (('output.',), ('output.', 'hidden', 'norm', 'center.'))
    """
    return ("output.",) if kind == "mlp" else ("output.", "hidden", "norm", "center.")


def freeze(network: nn.Module, unfrozen: int | str, head: tuple[str, ...]) -> None:
    """Let the head and the last `unfrozen` layers before it learn, or ``all``; a normalization goes with its layer.

    Examples
    --------
    >>> from collections import OrderedDict
    >>> parts = OrderedDict(hidden1=nn.Linear(2, 2), norm1=nn.BatchNorm1d(2), output=nn.Linear(2, 1))
    >>> network = nn.Sequential(parts)
    >>> freeze(network, 0, head_of("mlp"))
    >>> [name for name, values in network.named_parameters() if values.requires_grad]
    ['output.weight', 'output.bias']
    """
    groups: list[list[nn.Parameter]] = []
    seen = ""
    for name, values in network.named_parameters():
        part = name.rpartition(".")[0]
        values.requires_grad_(name.startswith(head) or unfrozen == "all")
        if name.startswith(head):
            continue
        if part != seen and (values.dim() > 1 or not groups):
            groups.append([])
        seen = part
        groups[-1].append(values)
    learning = groups[max(0, len(groups) - int(unfrozen)) :] if unfrozen != "all" else []
    for values in (values for group in learning for values in group):
        values.requires_grad_(True)


def flatten(network: nn.Module) -> Flat:
    """Lay the trained parameters end to end; on an accelerator, whose kernels want their own layout, leave them.

    Examples
    --------
    >>> flat = flatten(nn.Linear(3, 2))
    >>> [len(vector) for vector in (*flat.matrices, *flat.vectors)]
    [6, 2]
    """
    trained = [values for values in network.parameters() if values.requires_grad]
    matrices = [values for values in trained if values.dim() > 1]
    vectors = [values for values in trained if values.dim() <= 1]
    if any(values.device.type != "cpu" for values in trained):
        return Flat(matrices, vectors)
    return Flat(_end_to_end(matrices), _end_to_end(vectors))


@torch.no_grad()
def _end_to_end(parameters: list[nn.Parameter]) -> list[nn.Parameter]:
    if not parameters:
        return []
    flat = nn.Parameter(torch.cat([values.reshape(-1) for values in parameters]))
    flat.grad = torch.zeros_like(flat)
    start = 0
    for values in parameters:
        stop = start + values.numel()
        shape = values.shape
        values.data = flat.data[start:stop].view(shape)
        values.grad = flat.grad[start:stop].view(shape)
        start = stop
    return [flat]


def unflatten(network: nn.Module) -> None:
    """Give every parameter memory of its own again, and drop the gradients."""
    for values in network.parameters():
        values.data = values.data.clone()
        values.grad = None


def mean_loss(outputs: Tensor, batch: Rows, objective: str) -> Tensor:
    """Weighted mean of log loss (sigmoid or softmax) or squared error, and the penalty on gaps where there is one.

    Of several outputs it is the mean.

    Examples
    --------
    >>> mean_loss(torch.tensor([[1.0], [3.0]]), Rows(torch.zeros(2), torch.tensor([1.0, 1.0]), None), "regression")
    tensor(2.)
    """
    reduction = "mean" if batch.weights is None else "none"
    if not is_plain(objective):
        each = row_losses(outputs, batch.targets, objective)
        losses = each.mean() if batch.weights is None else each
    elif objective == "multiclass":
        losses = functional.cross_entropy(outputs, batch.targets, reduction=reduction)
    elif objective == "regression":
        losses = functional.mse_loss(outputs.squeeze(1), batch.targets, reduction=reduction)
    else:
        losses = functional.binary_cross_entropy_with_logits(outputs.squeeze(1), batch.targets, reduction=reduction)
    mean = losses if batch.weights is None else (by_row(losses) * batch.weights).mean()
    return mean if batch.contrasts is None else mean + gap_penalty(outputs, batch, objective)


def gap_penalty(outputs: Tensor, batch: Rows, objective: str) -> Tensor:
    """Return the variance of the score between groups, over pairs of different rows.

    Examples
    --------
    >>> batch = Rows(torch.zeros(4), torch.ones(4), None, torch.tensor([[1.0], [1.0], [-1.0], [-1.0]]), torch.ones(4))
    >>> gap_penalty(torch.tensor([[9.0], [9.0], [-9.0], [-9.0]]), batch, "binary").round(decimals=2)
    tensor(0.2500)
    """
    count = len(outputs)
    if batch.contrasts is None or count < 2:
        return outputs.sum() * 0
    score = _score(outputs, batch, objective)
    each = batch.contrasts * (score - score.mean()).unsqueeze(1)
    return (each.sum(dim=0).square() - each.square().sum(dim=0)).sum() / (count * (count - 1))


def _score(outputs: Tensor, batch: Rows, objective: str) -> Tensor:
    """Return the probability of the class that counts; in regression the squared error."""
    if batch.aims is None:
        return (outputs.squeeze(1) - batch.targets).square()
    if objective == "multiclass":
        return torch.softmax(outputs, dim=1).gather(1, batch.aims.long().unsqueeze(1)).squeeze(1)
    raised = torch.sigmoid(outputs.squeeze(1))
    return torch.where(batch.aims == 1, raised, 1 - raised)


def gradients_of(
    network: nn.Module, flat: Flat, objective: str, *, mixed: bool = False, graph: bool = False
) -> Gradients:
    """Choose how the gradients of this network are computed; `mixed` runs forward in bfloat16, `graph` by autograd."""
    layers = None if mixed or graph or not is_plain(objective) else _plain_layers(network)
    if layers is not None:
        return _closed_form(layers, objective)

    def by_autograd(batch: Rows) -> Tensor:
        for vector in (*flat.matrices, *flat.vectors):
            if vector.grad is not None:
                vector.grad.zero_()
        with torch.autocast(batch.inputs.device.type, torch.bfloat16, enabled=mixed):
            outputs = network(batch.inputs)
        loss = mean_loss(outputs.float() if mixed else outputs, batch, objective)
        torch.autograd.backward(loss)
        return loss.detach()

    return by_autograd


def _plain_layers(network: nn.Module) -> list[tuple[nn.Linear, nn.Module | None]] | None:
    """Pair dense layers with their activations, or None if there is anything else, or anything frozen or sparse."""
    entries: list[tuple[nn.Linear, nn.Module | None]] = []
    if not isinstance(network, nn.Sequential):
        return None
    for part in network:
        if isinstance(part, nn.Linear) and part.weight.grad is not None and part.bias.grad is not None:
            entries.append((part, None))
        elif isinstance(part, PLAIN) and entries and entries[-1][1] is None:
            entries[-1] = (entries[-1][0], part)
        else:
            return None
    return entries if entries and entries[-1][1] is None else None


def _closed_form(layers: list[tuple[nn.Linear, nn.Module | None]], objective: str) -> Gradients:
    """Compute gradients of dense layers by the chain rule, straight into the parameters' gradients."""
    weights = [layer.weight.detach() for layer, _ in layers]
    biases = [layer.bias.detach() for layer, _ in layers]
    into = [(layer.weight.grad, layer.bias.grad) for layer, _ in layers]
    kinds = [type(activation) for _, activation in layers]
    forward = {nn.ReLU: torch.relu_, nn.Tanh: torch.tanh_, nn.Sigmoid: torch.sigmoid_}
    turned = [weight.t() for weight in weights]

    @torch.no_grad()
    def by_chain_rule(batch: Rows) -> Tensor:
        values = [batch.inputs]
        for weight, bias, kind in zip(turned, biases, kinds, strict=True):
            raw = torch.addmm(bias, values[-1], weight)
            values.append(forward[kind](raw) if kind in forward else raw)
        outputs = values.pop()
        blame = _blame(outputs, batch, objective)
        for number in range(len(layers) - 1, -1, -1):
            below = values[number]
            torch.mm(blame.t(), below, out=into[number][0])
            torch.sum(blame, 0, out=into[number][1])
            if number:
                blame = torch.mm(blame, weights[number]).mul_(_slope(below, kinds[number - 1]))
        return mean_loss(outputs, batch, objective)

    return by_chain_rule


def _blame(outputs: Tensor, batch: Rows, objective: str) -> Tensor:
    """Give the derivative of the mean loss by the outputs."""
    if objective == "multiclass":
        blame = torch.softmax(outputs, dim=1)
        blame[torch.arange(len(blame)), batch.targets] -= 1
    elif objective == "regression":
        blame = (outputs - batch.targets.reshape(outputs.shape)).mul_(2)
    else:
        blame = torch.sigmoid(outputs).sub_(batch.targets.reshape(outputs.shape))
    blame.div_(len(outputs) if objective == "multiclass" else outputs.numel())
    if batch.weights is not None:
        blame.mul_(batch.weights.unsqueeze(1))
    return blame if batch.contrasts is None else blame.add_(_penalty_slope(outputs, batch, objective))


def _penalty_slope(outputs: Tensor, batch: Rows, objective: str) -> Tensor:
    """Give the derivative of the penalty by the outputs."""
    with torch.enable_grad():
        leaf = outputs.detach().requires_grad_()
        return torch.autograd.grad(gap_penalty(leaf, batch, objective), leaf)[0]


def _slope(values: Tensor, kind: type) -> Tensor:
    """Give the derivative of an activation, from its own value."""
    if kind is nn.ReLU:
        return values > 0
    return 1 - values * values if kind is nn.Tanh else values * (1 - values)
