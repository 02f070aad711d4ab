"""Names of columns that sound like traits of people: sex, age, origin, religion, disability."""

from __future__ import annotations

import re
import unicodedata

WHOLE = frozenset({
    "age", "agep", "sex", "race", "caste", "tribe", "alter", "sexe", "sexo", "sesso", "edad", "raza", "naissance",
})  # fmt: skip
"""Words by which such columns are named, in English and a few other languages."""
BEGINNINGS = (
    "gender", "ethnic", "religio", "national", "citizen", "disab", "marital", "orientation", "pregnan", "veteran",
    "foreign", "language", "skin", "hispanic", "immigra", "geschlecht", "staatsang", "behinder", "familienstand",
    "herkunft", "etnia", "genero", "nacional", "nazional", "discapac", "handicap",
)  # fmt: skip
"""Beginnings of such words."""


def name_words(name: str) -> list[str]:
    """Return the words of a column's name, in small letters without accents.

    Examples
    --------
    >>> name_words("personalStatus_SEX"), name_words("Género")
    (['personal', 'status', 'sex'], ['genero'])
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", plain).lower())


def is_trait(name: str) -> bool:
    """Tell whether a column's name sounds like a trait of people.

    Examples
    --------
    >>> [is_trait(name) for name in ("SEX", "age_at_entry", "mileage", "page", "Nationalität")]
    [True, True, False, False, True]
    """
    return any(word in WHOLE or word.startswith(BEGINNINGS) for word in name_words(name))
