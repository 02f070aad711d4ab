"""Where in images the model looks."""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import exact
from audit.explain.pixels import (
    ImageCase,
    ImageExplanations,
    concentration,
    gray,
    overlay,
    png,
    shrunk,
    strip,
    where_in_words,
)
from reports.record import Estimate, Exhibit, Image, Measurement, Table

TOLERATED = 0.05


@check(
    title="Where the model looks",
    family="explanations",
    references=(
        "Sundararajan, Taly and Yan 2017, Axiomatic Attribution for Deep Networks",
        "Draelos and Carin 2020, Use HiResCAM instead of Grad-CAM for faithful explanations",
        "Zeiler and Fergus 2014, Visualizing and Understanding Convolutional Networks (occlusion)",
        "Ribeiro, Singh and Guestrin 2016, Why Should I Trust You?",
    ),
)
def image_explanations(image_explanations: ImageExplanations, *, side: int = 112, values: bool = True) -> Measurement:
    """Show single images beside maps of what moves the model's output.

    Reading. The first tile is the image; each further tile lays a map over it: orange places raise the
    output of the explained class, blue ones lower it. The table says in words where each map lies and how
    much of it the strongest tenth of the places holds. Integrated gradients are shown only where they add
    up to the output.

    Limits. The methods answer different questions and may differ. HiResCAM shows places as coarsely as the
    last convolution sees them. What a person sees in a map is not what the model computes; maps are not reasons. The
    images are shown unless the option `values` is false.
    """
    given = image_explanations
    if not given.cases:
        raise NotApplicable("no image was explained")
    kept = [(case, _sound(case)) for case in given.cases]
    exhibits: list[Exhibit] = []
    if values:
        exhibits = [_image(case, names, given, side) for case, names in kept]
    exhibits.append(_table(kept))
    failed = sum(case.residual is not None and case.residual > TOLERATED for case in given.cases)
    said = f"{len(given.cases)} test images are explained by {len(kept[0][1])} methods"
    return Measurement(
        summary=f"{said}; {failed} maps did not add up and are left out." if failed else f"{said}.",
        estimates=_residual(given),
        exhibits=tuple(exhibits),
        notes=(f"scale {given.scale}", *given.notes),
    )


def _sound(case: ImageCase) -> tuple[str, ...]:
    """Name the maps that may be shown."""
    broken = case.residual is not None and case.residual > TOLERATED
    return tuple(name for name in case.maps if not (broken and name == "integrated gradients"))


def _residual(given: ImageExplanations) -> tuple[Estimate, ...]:
    values = [case.residual for case in given.cases if case.residual is not None]
    if not values:
        return ()
    value = float(max(values))
    return (exact("largest_completeness_residual", value, {"split": "test"}, n=len(values), unit="score"),)


def _image(case: ImageCase, names: tuple[str, ...], given: ImageExplanations, side: int) -> Image:
    image = shrunk(case.image, max(side, 8))
    tiles = [gray(image, given.low, given.high)]
    tiles += [overlay(image, shrunk(case.maps[name], max(side, 8)), given.low, given.high) for name in names]
    pixels = strip(tiles, max(1, side // max(tiles[0].shape[:2])))
    places = "; ".join(f"{name}: {where_in_words(case.maps[name])}" for name in names)
    return Image(
        title=f"Image {case.row}: {case.why}",
        png_base64=png(pixels),
        width=pixels.shape[1],
        height=pixels.shape[0],
        alt=f"Image {case.row} and {len(names)} maps over it. {places}.",
        caption=(
            f"Predicted {case.predicted}, in fact {case.actual}; output {case.output:.3g}, of the mean image "
            f"{case.base:.3g} ({given.scale}). From left: the image, {', '.join(names)}."
        ),
    )


def _table(kept: list[tuple[ImageCase, tuple[str, ...]]]) -> Table:
    rows = tuple(
        (
            case.row,
            case.predicted,
            case.actual,
            name,
            where_in_words(case.maps[name]),
            concentration(case.maps[name]),
            float(np.sign(case.maps[name]).mean()),
        )
        for case, names in kept
        for name in names
    )
    columns = ("image", "predicted", "in fact", "method", "mostly", "held by strongest tenth", "mean sign")
    return Table(title="Where the maps lie", columns=columns, rows=rows, folded=True)
