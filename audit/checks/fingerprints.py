"""Are model and data the very files that the configuration states?"""

from __future__ import annotations

from collections.abc import Mapping

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import exact
from reports.record import Estimate, Measurement, Table


@check(title="Fingerprints", family="artifact", references=("FIPS 180-4, Secure hash standard",))
def fingerprints(fingerprints: Mapping[str, tuple[str, str]]) -> Measurement:
    """Compare the SHA-256 of each file with the one that the configuration states.

    Reading. One means that the file is not the one that was agreed on; the table shows both. A file
    whose fingerprint is not stated is not looked at.

    Limits. Equal fingerprints say that the bytes are the same, not that they are good, nor who made them.
    """
    stated = {name: pair for name, pair in sorted(fingerprints.items()) if pair[0]}
    if not stated:
        raise NotApplicable("needs fingerprints to compare with: state them as [model] sha256 and [data.sha256] test")
    estimates = tuple(_differs(name, *pair) for name, pair in stated.items())
    odd = [name for name, estimate in zip(stated, estimates, strict=True) if estimate.value]
    table = Table(
        title="Stated and found",
        columns=("file", "stated", "found"),
        rows=tuple((name, wanted, text or "no file") for name, (wanted, text) in stated.items()),
    )
    text = f"Other files than stated: {', '.join(odd)}." if odd else f"All {len(estimates)} files are the ones stated."
    return Measurement(summary=text, estimates=estimates, exhibits=(table,))


def _differs(name: str, wanted: str, text: str) -> Estimate:
    value = float(wanted.strip().lower() != text)
    return exact("fingerprint_differs", value, {"file": name}, unit="count")
