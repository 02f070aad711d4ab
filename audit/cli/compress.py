"""``modelassay compress``: a smaller model, and for whom its answers change."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit.cli import output
from audit.cli.serve import names
from audit.errors import ConfigError, ModelError
from audit.models.containment import contain
from reports.together import write_together

if TYPE_CHECKING:
    import pandas as pd

    from audit.deploy.compress import Compressed, GroupChange
    from audit.models.load import Model

NOT_TRAINED_ON = (
    "Pruned without further training: a file of this kind holds no loss and no optimizer, so --epochs and --target "
    "change "
    "nothing. Expect more changed decisions than with a network of trainers (.safetensors), which continues training."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How to compress."""

    int8: str
    prune: float
    units: bool
    distill: str
    target: str
    epochs: int
    groups: str
    rows: int
    features: str


def compress(model: Path, asked: Asked, *, calibrate: Path, test: Path | None, out: Path, trust: bool) -> int:
    """Compress, compare by group, write the model and a report, and say what changed."""
    if not (asked.int8 or asked.prune or asked.distill):
        raise ConfigError("nothing to do: state --int8 static, --int8 weights, --prune 0.5 or --distill 16.")
    if out.suffix != ".onnx":
        raise ConfigError(f"--out is {out.name!r}; expected a name that ends in .onnx.")
    output.require_writable(out.parent)
    sources = (model, calibrate, *((test,) if test is not None else ()))
    output.require_own(out, b"", *sources, beside=out.with_suffix(".json"))
    output.require_own(out.with_suffix(".json"), b'"bytes_before"', *sources)
    compressed: Compressed = contain(lambda _: _compressed(model, asked, calibrate, test, out, trust=trust)).value
    for line in compressed.method:
        output.note(line)
    output.note(
        f"{compressed.bytes_before} bytes before, {compressed.bytes_after} after; a row takes "
        f"{compressed.p50_ratio:.2f} times as long (at the 95th percentile {compressed.p95_ratio:.2f} times); "
        f"{compressed.batch_dependent_rows} of 50 rows depend on their batch"
    )
    for change in compressed.changes:
        output.note(f"  {change.group}: {_change(change)}")
    output.note(f'Wrote {out}. Next: audit it with [model] path = "{out.name}" and source = "{model.name}".')
    return 0


def _change(change: GroupChange) -> str:
    """Say how many decisions of a group change, or how far numbers move."""
    if change.low is None or change.high is None:
        return f"{change.rows} answers move by {change.changed:.2%} of a standard deviation on average"
    return f"{change.changed:.2%} [{change.low:.2%}, {change.high:.2%}] of {change.rows} decisions change"


def _compressed(model: Path, asked: Asked, calibrate: Path, test: Path | None, out: Path, *, trust: bool) -> Compressed:
    from audit.data.tables import read_table
    from audit.deploy.compress import compare, report_text
    from audit.deploy.compress import compress as work
    from audit.models.load import load

    source, table = load(model, trust=trust), read_table(calibrate)
    smaller, done = _trained_on(source, asked, table)
    prune = 0.0 if smaller is not source else asked.prune
    groups, features = names(asked.groups), names(asked.features)
    with tempfile.TemporaryDirectory(prefix="compress-") as folder:
        draft = Path(folder) / out.name
        done += work(
            model, draft, model=smaller, precision=asked.int8, prune=prune, table=table, groups=groups, rows=asked.rows,
            features=features,
        )  # fmt: skip
        compressed = compare(source, draft, table if test is None else read_table(test), groups, done, features)
        contents = {out.name: draft.read_bytes(), out.with_suffix(".json").name: report_text(compressed).encode()}
    write_together(out.parent, contents, contents)
    return compressed


def _trained_on(source: Model, asked: Asked, table: pd.DataFrame) -> tuple[Model, tuple[str, ...]]:
    """Prune or distill a network of trainers with training; other models are pruned in their file."""
    from audit.deploy.network_graph import is_network
    from audit.models.load import wrap

    if not is_network(source.predictor):
        if asked.distill or asked.units:
            raise ModelError(
                f"--distill and --units continue training; {source.info.kind} cannot be trained from its file. "
                "Compress a "
                "network of trainers (.safetensors), or use --prune and --int8, which change only weights."
            )
        return source, ((NOT_TRAINED_ON,) if asked.prune else ())
    if not (asked.prune or asked.distill):
        return source, ()
    from trainers.compression import distill, prune
    from trainers.errors import TrainerError

    if asked.target not in table.columns:
        raise ConfigError("--target names the column to train on; it is not in the calibration table.")
    X = table.drop(columns=[asked.target]) if source.feature_names is None else table.loc[:, list(source.feature_names)]
    predictor, done = source.predictor, []
    try:
        if asked.distill:
            hidden = tuple(int(part) for part in names(asked.distill))
            predictor = distill(predictor, X, hidden, epochs=max(asked.epochs, 1))
            done.append(f"a network of {hidden} units taught by the source's scores (distillation)")
        if asked.prune:
            predictor = prune(predictor, X, table[asked.target], asked.prune, epochs=asked.epochs, units=asked.units)
            what = "units" if asked.units else "weights"
            done.append(f"{asked.prune:.0%} of each layer's {what} zero, trained for {asked.epochs} more epochs")
    except (TrainerError, ValueError) as error:
        raise ConfigError(str(error)) from error
    return wrap(predictor), tuple(done)
