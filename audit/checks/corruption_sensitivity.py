"""Does the model stand what cameras, keyboards and sensors do?"""

from __future__ import annotations

from dataclasses import replace

from audit.check import check
from audit.corruptions import SEVERITIES
from audit.estimate.making import absent
from audit.estimate.paired import paired_difference
from audit.evidence import NONE, Perturbed
from audit.exhibits import by_address_table
from audit.explain.pixels import gray, png, shrunk, strip
from reports.record import Estimate, Image, Measurement, Where

SIDE = 84
"""Pixels of the longer side of an image that is shown."""


@check(
    title="Sensitivity to corruption",
    family="robustness",
    references=("Hendrycks and Dietterich 2019, Benchmarking neural network robustness to common corruptions",),
)
def corruption_sensitivity(corrupted: Perturbed, *, values: bool = True) -> Measurement:
    """Corrupt images, texts or sequences at three severities and subtract accuracy.

    Reading. The accuracy that a corruption costs, on the same rows; in regression the R². Mild corruption is
    what happens every day; medium and strong show where the model fails.

    Limits. Simulated corruption is not real corruption: a model that resists it may still fail in rain or fog.
    Severities are set by convention. A test image is shown unless the option `values` is false.
    """
    name = "r2_score" if corrupted.predictions.task == "regression" else "accuracy"
    estimates: list[Estimate] = []
    for variant in (*corrupted.names, *corrupted.failed):
        severity, _, kind = variant.partition(" ")
        called = "accuracy_drop" if severity == "mild" else f"accuracy_drop_{severity}"
        estimates.append(_drop(corrupted, variant, name, called, {"split": "test", "variant": kind}))
    mild = [estimate for estimate in estimates if estimate.metric == "accuracy_drop" and estimate.value is not None]
    text = "no mild corruption was answered"
    if mild:
        worst = max(mild, key=lambda estimate: estimate.value or 0.0)
        text = f"mild {worst.where['variant']} costs most {name}: {worst}"
    return Measurement(
        summary=f"{text[0].upper()}{text[1:]}.",
        estimates=tuple(estimates),
        exhibits=(
            by_address_table(f"{name} lost by corruption", estimates, first="corruption"),
            *(_pictures(corrupted) if values else ()),
        ),
        notes=corrupted.notes,
    )


def _pictures(corrupted: Perturbed) -> tuple[Image, ...]:
    """Show one image as it is and corrupted in every way, mild above strong."""
    shown = corrupted.pictures
    kinds = [name.removeprefix(f"{SEVERITIES[0]} ") for name in shown if name.startswith(f"{SEVERITIES[0]} ")]
    if NONE not in shown or not kinds:
        return ()
    low, high = float(shown[NONE].min()), float(shown[NONE].max())
    tiles = []
    for severity in SEVERITIES:
        names = [NONE, *(f"{severity} {kind}" for kind in kinds)]
        tiles += [gray(shrunk(shown.get(name, 0 * shown[NONE]), SIDE), low, high) for name in names]
    pixels = strip(tiles, max(1, SIDE // max(tiles[0].shape[:2])), columns=len(kinds) + 1)
    text = ", ".join(kinds)
    return (
        Image(
            title="A test image, corrupted",
            png_base64=png(pixels),
            width=pixels.shape[1],
            height=pixels.shape[0],
            alt=f"One test image with {text}, in rows {', '.join(SEVERITIES)}.",
            caption=f"From left: the image, {text}. Rows from above: {', '.join(SEVERITIES)}.",
        ),
    )


def _drop(corrupted: Perturbed, variant: str, name: str, called: str, where: Where) -> Estimate:
    if variant in corrupted.failed:
        return absent(called, where, corrupted.failed[variant], unit="difference")
    pair = corrupted.pair(variant)
    return replace(paired_difference(pair.before, pair.after, name), metric=called, where=dict(where))
