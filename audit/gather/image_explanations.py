"""Where in an image the model looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audit.errors import ConfigError, NotApplicable
from audit.evidence import FloatArray, Predictions
from audit.explain.gradients import MOST, Network, integrated_gradients, network_of
from audit.explain.parts import explain_parts
from audit.explain.pixels import ImageCase, ImageExplanations, patches
from audit.explain.saliency import hires_cam, occlusion
from audit.gather._explained import Explained, draw_explained, value_words
from audit.gather.local_cases import pick

if TYPE_CHECKING:
    from audit.gather import Context

FEWEST = 4, 200
"""Pairs and samples for an image in any case."""
LEAST_GRADIENTS, PASSES = 256, 3
"""Gradients for an image in any case, and what one costs by a prediction."""
VALUES = 2**22
"""Numbers in a block of changed images."""


def gather(
    context: Context,
    *,
    cases: int = 6,
    shape: Sequence[int] = (),
    background: int = 100,
    pairs: int = 20,
    samples: int = 1000,
    evaluations: int = 1_500_000,
) -> ImageExplanations:
    """Explain images of the test split by gradients, HiResCAM, occlusion, patches and LIME.

    Parameters
    ----------
    context : Context
    cases : int
        Images at most.
    shape : sequence of int
        (channels, height, width) of the flattened rows; read off the network where there is one.
    background : int
        Training rows whose mean image stands for what is not shown.
    pairs, samples : int
        Effort for patches: ``2 · pairs · (patches − 1)`` evaluations (SHAP), samples (LIME).
    evaluations : int
        Images that the model may be asked for in all, fewer where it is large; pairs and samples are fewer then.

    Raises
    ------
    NotApplicable
        If the model reads no images.
    ConfigError
        If the shape does not fit the columns.
    """
    model, dataset = context.require_model(), context.dataset
    size = image_shape(model.predictor, tuple(shape), len(dataset.features))
    predictions = context.need("predictions", Predictions)
    picked = pick(predictions.select(split="test"), cases)
    chosen = np.array([row for row, _ in picked], dtype=np.intp)
    what = draw_explained(context, rows=len(chosen), background=background, chosen=chosen)
    mean = what.background.mean(axis=0)
    place = {int(row): number for number, row in enumerate(predictions.row)}
    effort, lines = _pay(context, size, len(picked), (pairs, samples), evaluations)
    image_cases = []
    for number, (row, why) in enumerate(picked):
        context.progress("explaining images", number, len(picked))
        at = place[row]
        words = (
            why,
            value_words(predictions, predictions.y_pred[at]),
            value_words(predictions, predictions.y_true[at]),
        )
        image_cases.append(_case(context, what, number, size, mean, words, effort))
    context.progress("explaining images", len(picked), len(picked))
    shown = what.X
    notes = (*what.notes, *lines, "hidden pixels take the value of the mean background image")
    return ImageExplanations(
        cases=tuple(image_cases),
        scale=what.output.scale,
        low=float(min(shown.min(), mean.min())),
        high=float(shown.max()),
        notes=notes,
    )


def _pay(
    context: Context, size: tuple[int, int, int], cases: int, effort: tuple[int, int], evaluations: int
) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    """Return pairs, samples and gradients for each image that the budget pays for, and what to say of it."""
    count = int(patches(size[1], size[2]).max()) + 1
    each = context.affordable(evaluations) // max(1, cases)
    share = min(1.0, each / (2 * effort[0] * (count - 1) + effort[1]))
    pairs, samples = (
        min(wanted, max(least, int(share * wanted))) for wanted, least in zip(effort, FEWEST, strict=True)
    )
    gradients = min(MOST, max(LEAST_GRADIENTS, each // PASSES))
    if share == 1:
        return (pairs, samples, gradients), ()
    asked = 2 * pairs * (count - 1) + samples
    note = f"each image was predicted about {asked:,} times with patches removed; {gradients:,} gradients were taken"
    return (pairs, samples, gradients), (note,)


def image_shape(predictor: object, stated: tuple[int, ...], features: int) -> tuple[int, int, int]:
    """Return (channels, height, width), from the user or from the network.

    Raises
    ------
    NotApplicable, ConfigError
    """
    known = stated or tuple(getattr(predictor, "input_shape_", ()))
    if stated and (len(stated) != 3 or int(np.prod(stated)) != features):
        raise ConfigError(
            f"[gather.image_explanations] shape is {list(stated)}; expected [channels, height, width] with a product "
            f"of {features}, the number of columns."
        )
    if len(known) != 3 or int(np.prod(known)) != features:
        raise NotApplicable('for models that read images; if this one does, state [data] modality = "image" and shape')
    return int(known[0]), int(known[1]), int(known[2])


def _case(
    context: Context,
    what: Explained,
    number: int,
    size: tuple[int, int, int],
    mean: FloatArray,
    entry: tuple[str, str, str],
    effort: tuple[int, int, int],
) -> ImageCase:
    row, code = what.X[number], int(what.codes[number])
    score = what.score(code)
    grid = patches(size[1], size[2])
    flat = np.broadcast_to(grid, size).reshape(-1)
    count = int(grid.max()) + 1

    block = max(1, VALUES // len(row))

    def by_patch(present: FloatArray) -> FloatArray:
        parts = [present[start : start + block] for start in range(0, len(present), block)]
        return np.concatenate([score(np.where(part[:, flat] > 0, row, mean)) for part in parts])

    pairs, samples, gradients = effort
    generator = context.generator(f"patches {what.rows[number]}")
    parts = explain_parts(by_patch, count, generator=generator, pairs=pairs, samples=samples, coins=True)
    area = np.bincount(grid.ravel(), minlength=count)
    maps: dict[str, FloatArray] = {}
    network = _network(what, code)
    residual = None
    if network is not None:
        maps, residual = _by_gradients(network, row, mean, size, gradients)
    maps["occlusion"] = occlusion(by_patch(1 - np.eye(count)), parts.output, grid)
    maps["SHAP of patches"] = (parts.shap / area)[grid]
    maps["LIME of patches"] = (parts.lime / area)[grid]
    why, predicted, actual = entry
    return ImageCase(
        why=why,
        row=int(what.rows[number]),
        predicted=predicted,
        actual=actual,
        image=row.reshape(size),
        maps=maps,
        base=parts.base,
        output=parts.output,
        residual=residual,
        fit=parts.fit,
    )


def _network(what: Explained, code: int) -> Network | None:
    dataset, own = what.output.dataset, what.output.own
    column = None
    if what.output.classes and own is not None:
        column = list(own).index(what.output.classes[code if dataset.task == "multiclass" else 1])
    return network_of(what.output.model.predictor, task=dataset.task, column=column)


def _by_gradients(
    network: Network, row: FloatArray, mean: FloatArray, size: tuple[int, int, int], gradients: int
) -> tuple[dict[str, FloatArray], float]:
    attribution = integrated_gradients(network, row[None], mean, most=gradients)
    apart = abs(float(attribution.output[0]) - attribution.base)
    error = abs(float(attribution.values.sum()) + attribution.base - float(attribution.output[0]))
    maps = {"integrated gradients": attribution.values[0].reshape(size).sum(axis=0)}
    cam = hires_cam(network, row[None])
    if cam is not None:
        maps["HiResCAM"] = cam[0]
    return maps, error / apart if apart > 1e-9 else error
