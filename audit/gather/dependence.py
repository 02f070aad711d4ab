"""How the output goes with the strongest features, and with pairs of them."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from audit.evidence import Attributions, FloatArray
from audit.explain.dependence import Dependence, Interaction, Shapes, grid_of, individual_curves, interaction_strength
from audit.gather._explained import Explained, draw_explained, require_table

if TYPE_CHECKING:
    from audit.gather import Context


def gather(
    context: Context, *, features: int = 6, rows: int = 100, points: int = 20, paired: int = 5, background: int = 20
) -> Shapes:
    """Try values of the strongest features on explained rows.

    Parameters
    ----------
    context : Context
    features : int
        How many of the strongest features.
    rows : int
        Test rows, the first of those that are explained.
    points : int
        Values tried of each number.
    paired : int
        How many of the strongest features are crossed.
    background : int
        Background rows for interactions.
    """
    require_table(context)
    first: Attributions = context.need("attributions", tuple)[0]
    what = draw_explained(context, rows=max(1, min(rows, len(first.values))), background=background)
    strongest = np.argsort(-np.abs(first.values).mean(axis=0), kind="stable")[: max(features, 1)]
    dependences = []
    for done, place in enumerate(strongest):
        context.progress("trying values of features", done, len(strongest))
        dependences.append(_dependence(what, int(place), points))
    context.progress("trying values of features", len(strongest), len(strongest))
    crossed = [(int(a), int(b)) for a, b in combinations(strongest[: max(paired, 0)], 2)]
    context.progress("crossing features", 0, 1)
    interactions = _interactions(what, crossed)
    context.progress("crossing features", 1, 1)
    output, base = first.output, first.base
    spread = float(np.abs(output - base).mean()) if output is not None and base is not None else 0.0
    notes = (*what.notes, f"{len(what.X)} test rows carry the curves")
    return Shapes(dependences=tuple(dependences), interactions=interactions, spread=spread, notes=notes)


def _dependence(what: Explained, place: int, points: int) -> Dependence:
    numeric = bool(what.encoding.numeric[place])
    grid = grid_of(np.concatenate([what.reference[:, place], what.X[:, place]]), numeric=numeric, points=max(points, 2))
    curves = np.empty((len(what.X), len(grid)))
    for code, here in what.groups():
        curves[here] = individual_curves(what.score(code), what.X[here], place, grid)
    log_odds = what.output.scale == "log-odds"
    return Dependence(
        feature=what.encoding.names[place],
        numeric=numeric,
        grid=grid,
        labels=tuple(what.encoding.text(place, value) for value in grid),
        curves=_probability(curves) if log_odds else curves,
        unit="probability" if log_odds else what.output.scale,
    )


def _probability(log_odds: FloatArray) -> FloatArray:
    from scipy.special import expit

    return np.asarray(expit(log_odds))


def _interactions(what: Explained, pairs: list[tuple[int, int]]) -> tuple[Interaction, ...]:
    if not pairs:
        return ()
    strength = np.empty((len(pairs), len(what.X)))
    for code, here in what.groups():
        strength[:, here] = interaction_strength(what.score(code), what.X[here], what.background, pairs)
    names = what.encoding.names
    interactions = [
        Interaction(first=names[a], second=names[b], strength=strength[k]) for k, (a, b) in enumerate(pairs)
    ]
    return tuple(sorted(interactions, key=lambda interaction: -float(interaction.strength.mean())))
