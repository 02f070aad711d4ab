"""The formats a record can be drawn in, and the file each is written to by default."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from reports.nearest import nearest
from reports.record import AuditRecord
from reports.sections import Edition

EDITIONS: tuple[Edition, ...] = ("full", "short")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to draw a record."""

    module: str
    """Module that holds ``render(record) -> str``; imported only when it is asked for."""
    file: str
    """Name of the file in the folder of a run."""
    purpose: str


FORMATS: Mapping[str, Format] = {
    "html": Format(module="reports.html", file="card.html", purpose="the card, one page that anybody can open"),
    "json": Format(module="reports.store", file="audit.json", purpose="the record itself"),
    "md": Format(module="reports.markdown", file="card.md", purpose="a pull-request comment or step summary"),
    "text": Format(module="reports.text", file="summary.txt", purpose="a screen of plain text"),
    "junit": Format(module="reports.junit", file="junit.xml", purpose="gates as test cases, for any CI server"),
    "sarif": Format(module="reports.sarif", file="gates.sarif", purpose="SARIF 2.1.0, pointing at the gates' lines"),
    "github": Format(module="reports.github", file="annotations.txt", purpose="workflow commands, at most ten"),
    "gitlab": Format(module="reports.gitlab", file="gl-code-quality.json", purpose="GitLab's code-quality report"),
}


def render(record: AuditRecord, name: str, edition: Edition = "full") -> str:
    """Draw a record in the format of that name; the edition is that of the HTML card.

    Raises
    ------
    ValueError
        If there is no such format; the text lists those there are.
    """
    if name not in FORMATS:
        near = nearest(name, FORMATS)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no format {name[:100]!r}; expected one of {', '.join(FORMATS)}.{meant}")
    draw: Callable[..., str] = importlib.import_module(FORMATS[name].module).render
    return draw(record, edition) if name == "html" else draw(record)


def render_all(record: AuditRecord, names: Iterable[str], edition: Edition = "full") -> dict[str, str]:
    """Draw a record in several formats; where the record itself is one of them, the card tells its hash from that text.

    Raises
    ------
    ValueError
        If there is no such format, as of :func:`render`.
    """
    wanted = list(names)
    texts = {"json": render(record, "json")} if "json" in wanted else {}
    if "json" in texts and "html" in wanted:
        texts["html"] = importlib.import_module(FORMATS["html"].module).render(record, edition, texts["json"])
    return {name: texts[name] if name in texts else render(record, name, edition) for name in wanted}
