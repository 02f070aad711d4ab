"""The same rows answered by a model before it was compressed, and by the model under audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.evidence import NONE, Perturbed, join
from audit.evidence.requirements import require_evidence
from audit.gather._perturbed import share_classes, target_spread
from audit.gather.predictions import predictions_of
from audit.models.answers import ask
from audit.models.load import Model

if TYPE_CHECKING:
    from audit.gather import Context

COMPRESSED = "compressed"


def gather(context: Context) -> Perturbed:
    """Ask the source model for the test rows; its answers stand under ``none``, the audited model's beside them.

    Parameters
    ----------
    context : Context
    """
    source = context.need("source_model", Model)
    dataset, rows = context.dataset, context.dataset.rows("test")
    require_evidence("test", dataset=dataset)
    X, parts = dataset.inputs(rows), []
    for model in (source, context.require_model()):
        answers = ask(model, X, dataset, progress=context.progress, what="comparing with the source")
        parts.append(predictions_of(answers, dataset, rows, context.settings))
    joined = join(share_classes(parts), "variant", [NONE, COMPRESSED])
    sizes = [model.info.size_bytes for model in (source, context.require_model())]
    notes: tuple[str, ...] = (f"source {source.info.name}, SHA-256 {source.info.sha256[:12]}",)
    if None not in sizes:
        notes = (*notes, f"size on disk {sizes[0]} bytes before, {sizes[1]} after")
    return Perturbed(predictions=joined, notes=notes, spread=target_spread(context))
