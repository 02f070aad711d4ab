"""What only people can say, and have not said yet."""

from __future__ import annotations

from audit.check import check
from audit.estimate.making import exact
from reports.record import Card, Measurement, Prose, blank_sections


@check(title="Blanks of the card", family="card", references=("Mitchell et al. 2019, Model Cards for Model Reporting",))
def card_blanks(card: Card) -> Measurement:
    """Count the sections that a person must fill and has not.

    Reading. No measurement can say what a model is for, who answers for it and whom it may harm. Blank
    sections stay visible on the card.

    Limits. That a section is filled says nothing about its content.
    """
    blank = blank_sections(card)
    every = blank_sections(Card())
    estimate = exact("blank_sections", len(blank), {}, unit="count")
    words = ", ".join(blank)
    text = f"{len(blank)} of {len(every)} sections that a person must fill are blank."
    exhibits = (Prose(title="Blank", text=f"Still to be written in card.toml: {words}."),) if blank else ()
    return Measurement(summary=text, estimates=(estimate,), exhibits=exhibits)
