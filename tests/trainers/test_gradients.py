"""The closed form gives what autograd gives, and parameters end to end are still the network's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from trainers.gradients import Rows, flatten, gradients_of, mean_loss, unflatten
from trainers.networks import NetworkSpec, build


def rows_for(objective: str, outputs: int, *, weighted: bool) -> Rows:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(12, 5, generator=generator, dtype=torch.float64)
    if objective == "multiclass":
        targets = torch.randint(0, outputs, (12,), generator=generator)
    elif objective == "binary":
        targets = torch.randint(0, 2, (12,), generator=generator).double()
    else:
        targets = torch.randn(12, generator=generator, dtype=torch.float64)
    return Rows(inputs, targets, torch.rand(12, generator=generator, dtype=torch.float64) if weighted else None)


@pytest.mark.parametrize(("objective", "outputs"), [("binary", 1), ("multiclass", 3), ("regression", 1)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
@pytest.mark.parametrize("hidden", [(), (7,), (7, 6, 4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_closed_form_equals_autograd(
    objective: str, outputs: int, activation: str, hidden: tuple[int, ...], weighted: bool
) -> None:
    spec = NetworkSpec(kind="mlp", input_shape=(5,), outputs=outputs, hidden=hidden, activation=activation)
    network = build(spec, torch.Generator().manual_seed(0)).double()
    rows = rows_for(objective, outputs, weighted=weighted)
    expected_loss = mean_loss(network(rows.inputs), rows, objective)
    torch.autograd.backward(expected_loss)
    expected = [values.grad.clone() for values in network.parameters() if values.grad is not None]
    loss = gradients_of(network, flatten(network), objective)(rows)
    seen = [values.grad for values in network.parameters() if values.grad is not None]
    assert len(seen) == len(expected) == len(list(network.parameters()))
    torch.testing.assert_close(loss, expected_loss.detach())
    for one, other in zip(seen, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_parameters_end_to_end_are_views_and_come_apart_again() -> None:
    spec = NetworkSpec(kind="lstm", input_shape=(4, 2), outputs=1, units=3)
    network = build(spec, torch.Generator().manual_seed(0))
    start = {name: values.clone() for name, values in network.state_dict().items()}
    network.get_parameter("output.bias").requires_grad = False
    flat = flatten(network)
    assert sum(len(vector) for vector in (*flat.matrices, *flat.vectors)) == sum(
        values.numel() for values in network.parameters() if values.requires_grad
    )
    for vector in (*flat.matrices, *flat.vectors):
        vector.data.add_(1.0)
    for name, values in network.state_dict().items():
        torch.testing.assert_close(values, start[name] + (0.0 if name == "output.bias" else 1.0))
    unflatten(network)
    for vector in (*flat.matrices, *flat.vectors):
        vector.data.add_(1.0)
    assert float(network.state_dict()["output.weight"].flatten()[0]) == pytest.approx(
        float(start["output.weight"].flatten()[0]) + 1
    )
