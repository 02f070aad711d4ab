"""``modelassay export``: write a model in a format that any runtime reads, proven on rows."""

from __future__ import annotations

from pathlib import Path

from audit.cli import output
from audit.cli.serve import names
from audit.errors import ConfigError, hint, quote
from audit.models.containment import contain
from audit.progress import Progress


def export(
    model: Path, *, data: Path, test: Path | None, out: Path, format_: str, features: str, version: str, trust: bool
) -> int:
    """Convert, prove parity, write model and ``model.json``, and say what was found."""
    from audit.data.images import read_examples
    from audit.deploy.description import DESCRIPTION, Description
    from audit.deploy.export import export as convert
    from audit.models.load import load

    if format_ != "onnx":
        raise ConfigError(f"no export format {quote(format_)}; there is 'onnx'.{hint(format_, ['onnx'])}")
    if out.suffix != ".onnx":
        raise ConfigError(f"--out is {quote(out.name)}; expected a name that ends in .onnx.")
    output.require_writable(out.parent)
    sources = (model, data, *((test,) if test is not None else ()))
    output.require_own(out, b"", *sources, beside=out.with_name(DESCRIPTION))
    output.require_own(out.with_name(DESCRIPTION), b'"parity"', *sources)

    def work(_: Progress) -> Description:
        loaded = load(model, trust=trust)
        train, pixels = read_examples(data, loaded.image_shape)
        rows = train if test is None else read_examples(test, loaded.image_shape)[0]
        return convert(loaded, train, rows, out, features=names(features) or pixels, version=version)

    description: Description = contain(work).value
    values = description.parity
    output.note(
        f"Wrote {out} and {out.with_name('model.json')}: {values['rows']:.0f} rows answered alike, "
        f"largest difference {values['largest_difference']:.1g}. Next: modelassay serve {out.with_name('model.json')}"
    )
    return 0
