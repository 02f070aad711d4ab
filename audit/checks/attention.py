"""Which steps or words the attention of a Transformer mixes."""

from __future__ import annotations

from audit.check import check
from audit.errors import NotApplicable
from audit.explain.attention import AttentionMap
from reports.record import Cell, Matrix, Measurement, Table


@check(
    title="Attention maps",
    family="explanations",
    references=(
        "Vaswani et al. 2017, Attention Is All You Need",
        "Jain and Wallace 2019, Attention is not Explanation",
        "Wiegreffe and Pinter 2019, Attention is not not Explanation",
    ),
)
def attention(attention: tuple[AttentionMap, ...], *, values: bool = True) -> Measurement:
    """Show how much each step of a row draws from each other step, layer by layer.

    Reading. A row of a map shows from which steps (columns) that step draws, mean over heads; it adds up
    to 1. The evenness of a head is 1 where it draws equally from all steps and near 0 where it draws from one.

    Limits. Attention is not attribution: large weights may carry nothing that matters, and what matters may
    flow past them; other weights can yield the same answer. Read the attributions for what drives the
    output. Single texts are shown unless the option `values` is false.
    """
    if not attention:
        raise NotApplicable("the network returned no attention weights")
    shown = [_matrix(attention_map) for attention_map in attention if values or "text" not in attention_map.title]
    heads = max(len(attention_map.entropy) for attention_map in attention)
    rows: list[tuple[Cell, ...]] = []
    for attention_map in attention:
        evenness: list[Cell] = [float(value) for value in attention_map.entropy]
        rows.append((attention_map.title, *evenness, *[None] * (heads - len(evenness))))
    table = Table(
        title="Evenness of the heads",
        columns=("map", *(f"head {number + 1}" for number in range(heads))),
        rows=tuple(rows),
        caption="1: drawn from all steps alike; near 0: from a single one.",
        folded=True,
    )
    return Measurement(
        summary=f"{len(attention)} maps of attention; they show what is mixed, not what drives the output.",
        exhibits=(*shown, table),
        notes=("mean over heads; attention is not attribution",),
    )


def _matrix(attention_map: AttentionMap) -> Matrix:
    labels = tuple(f"{number + 1}: {label}"[:20] for number, label in enumerate(attention_map.labels))
    return Matrix(
        title=f"Attention: {attention_map.title}",
        row_label="step",
        column_label="draws from",
        rows=labels,
        columns=labels,
        values=tuple(tuple(float(value) for value in line) for line in attention_map.weights),
        caption="Each row adds up to 1.",
    )
