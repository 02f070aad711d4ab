"""A page that tells people what a service reads, without script."""

from __future__ import annotations

from html import escape

from audit.deploy.description import Description
from audit.deploy.schema import Column
from reports.printable import list_names

STYLE = "body{font:1rem sans-serif;max-width:60rem;margin:2rem auto}td,th{text-align:left;padding:.2rem .8rem}"


def page(description: Description) -> str:
    """Draw the inputs of a model."""
    rows = "".join(
        f"<tr><td>{escape(column.name)}<td>{column.datatype}<td>{escape(_values(column))}"
        f"<td>{'may be missing' * column.missing}"
        for column in description.columns
    )
    name, version = escape(description.name), escape(description.version)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{name}</title><style>{STYLE}</style>"
        f"<h1>{name}, version {version}</h1><p>POST rows to <code>/v2/models/{name}/infer</code> (Open Inference "
        "Protocol v2). <a href=/openapi.json>OpenAPI</a>, <a href=/metrics>metrics</a>.</p>"
        f"<table><tr><th>input<th>datatype<th>values<th></tr>{rows}</table></html>\n"
    )


def _values(column: Column) -> str:
    if column.categories:
        return list_names(column.categories, 20)
    return "" if column.low is None else f"{column.low:g} to {column.high:g}"
