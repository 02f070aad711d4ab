"""The verbs and their options; what they do stands in the modules they import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="modelassay",
    help="Audit a model the way CI tests code: evidence with intervals, verdicts, one card.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Formats = Annotated[
    str | None, typer.Option("--format", help="Comma-separated: html,json,md,text,junit,sarif,github,gitlab.")
]
Out = Annotated[
    str | None, typer.Option("--out", help="Folder for the reports; '-' writes one format to standard output.")
]
PolicyFile = Annotated[Path | None, typer.Option("--policy", help="A gates.toml in place of the configured policy.")]
Baseline = Annotated[
    Path | None, typer.Option("--baseline", help="audit.json of an earlier run, to test whether this model is worse.")
]
Unpaired = Annotated[
    bool, typer.Option("--unpaired", help="Accept a baseline measured on other rows, as an independent sample.")
]
Everything = Annotated[
    bool, typer.Option("--all", help="Show every concern and every open question, not only the first.")
]
Edition = Annotated[
    str, typer.Option("--edition", help="full, or short: the card without its annex, at most eight printed pages.")
]
CardFile = Annotated[
    Path | None, typer.Option("--card", help="card.toml with the owner's texts; draws the card without the model.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Treat gates of severity warning as errors.")]

OutFile = Annotated[str, typer.Option("--out", help="File to write; '-' is standard output.")]
TABLE = typer.Option("--data", help="Table from which the input schema is taken.")
Trust = Annotated[
    bool, typer.Option("--trust", help="Run code from a pickle or audit.toml, since you trust its author.")
]
Features = Annotated[
    str, typer.Option("--features", help="Feature columns in order, for a model that stores no names.")
]
SavedRecord = Annotated[Path, typer.Argument(help="audit.json")]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"modelassay {version('modelassay')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Audit a model the way CI tests code: evidence with intervals, verdicts, one card."""


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="audit.toml")],
    out: Out = None,
    policy: PolicyFile = None,
    baseline: Baseline = None,
    unpaired: Unpaired = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Run only what predictions suffice for: facts, performance, groups.")
    ] = False,
    formats: Formats = None,
    strict: Strict = False,
    everything: Everything = False,
    edition: Edition = "full",
    trust: Trust = False,
) -> int:
    """Audit a model as audit.toml says, and write record, card and reports."""
    from audit.cli.output import Shown
    from audit.cli.run import run as verb

    return verb(
        config,
        out=out,
        policy=policy,
        formats=formats,
        strict=strict,
        baseline=baseline,
        unpaired=unpaired,
        quick=quick,
        trust=trust,
        shown=Shown(everything=everything, edition=edition),
    )


@app.command()
def init(
    test: Annotated[Path, typer.Option("--test", help="Table of test rows.")],
    target: Annotated[str, typer.Option("--target", help="Column with the true value (the target).")],
    model: Annotated[
        Path | None, typer.Option("--model", help="Model file; without one, name prediction columns.")
    ] = None,
    train: Annotated[Path | None, typer.Option("--train", help="Table of training rows.")] = None,
    positive: Annotated[str | None, typer.Option("--positive", help="Positive class of a binary target.")] = None,
    favorable: Annotated[
        str | None, typer.Option("--favorable", help="Class that is good for the person, such as a loan granted.")
    ] = None,
    sensitive: Annotated[
        list[str] | None, typer.Option("--sensitive", help="Column that distinguishes groups; may be repeated.")
    ] = None,
    prediction: Annotated[str | None, typer.Option("--prediction", help="Column of predicted labels.")] = None,
    score: Annotated[str | None, typer.Option("--score", help="Column of scores.")] = None,
    trust: Trust = False,
    out: Annotated[Path, typer.Option("--out", help="Folder for the three files.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
) -> int:
    """Write audit.toml, gates.toml and card.toml from what model and tables show."""
    from audit.cli.init import init as verb
    from audit.cli.initial import Asked

    asked = Asked(
        test=test,
        target=target,
        train=train,
        model=model,
        trust=trust,
        positive=positive,
        favorable=favorable,
        sensitive=tuple(dict.fromkeys(sensitive or ())),
        prediction=prediction,
        score=score,
    )
    return verb(asked, out=out, force=force)


@app.command()
def judge(
    record: SavedRecord,
    policy: PolicyFile = None,
    baseline: Baseline = None,
    unpaired: Unpaired = False,
    out: Out = None,
    formats: Formats = None,
    strict: Strict = False,
    card: CardFile = None,
    everything: Everything = False,
    edition: Edition = "full",
) -> int:
    """Judge a saved record again, under another policy, without the model."""
    from audit.cli.output import Shown
    from audit.cli.saved import judge as verb

    return verb(
        record,
        policy=policy,
        out=out,
        formats=formats,
        strict=strict,
        baseline=baseline,
        unpaired=unpaired,
        card=card,
        shown=Shown(everything=everything, edition=edition),
    )


@app.command()
def compare(
    records: Annotated[
        list[Path], typer.Argument(help="audit.json of the earlier run, then of the later one; or several")
    ],
    formats: Annotated[str, typer.Option("--format", help="text, json or md.")] = "text",
    out: OutFile = "-",
    fail_on: Annotated[
        str, typer.Option("--fail-on", help="never, or worse: exit 1 if the last model is shown to be worse.")
    ] = "never",
    everything: Annotated[bool, typer.Option("--all", help="Show folded sections and longer tables.")] = False,
) -> int:
    """Compare two audits, or each of several with the best: what changed, by how much, for whom.

    Exit codes: 0 compared; 1 the last model is shown to be worse, over all rows, for a group or by a gate of
    severity error (only with --fail-on worse); 2 the records cannot be compared.
    """
    from audit.cli.compare import compare as verb

    return verb(records, format_=formats, out=out, fail_on=fail_on, everything=everything)


@app.command()
def render(
    record: SavedRecord,
    formats: Annotated[
        str, typer.Option("--format", help="html, json, md, text, junit, sarif, github or gitlab.")
    ] = "html",
    out: OutFile = "-",
    edition: Edition = "full",
    card: CardFile = None,
) -> int:
    """Draw a saved record in one format, without the model."""
    from audit.cli.saved import render as verb

    return verb(record, name=formats, out=out, edition=edition, card=card)


@app.command()
def rule(
    code: Annotated[
        str | None, typer.Argument(help="Such as FAIR001, thin-group or 'demographic parity'; without one, all.")
    ] = None,
) -> int:
    """Explain one rule: what it asks, why, how it is decided, what to do; or list them all."""
    from audit.cli.catalogue import rule as verb

    return verb(code)


@app.command()
def policy(
    files: Annotated[list[Path] | None, typer.Argument(help="gates.toml; without one, the catalogue.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of such files instead.")] = False,
) -> int:
    """Read a policy without judging by it: can it be read, what is in force, has a waiver ended?"""
    from audit.cli.policy import policy as verb

    return verb(files or (), schema=schema)


@app.command()
def checks() -> int:
    """List what can be measured, and which evidence each check needs."""
    from audit.cli.catalogue import checks as verb

    return verb()


@app.command()
def monitor(
    config: Annotated[Path, typer.Argument(help="audit.toml with [data] log and time")],
    window: Annotated[str | None, typer.Option("--window", help="day, week, month, or a number of rows.")] = None,
    out: Out = None,
    policy: PolicyFile = None,
    formats: Formats = None,
    strict: Strict = False,
    trust: Trust = False,
    judge_again: Annotated[
        bool,
        typer.Option("--judge-again", help="Judge earlier windows again, too, where the rules have changed since."),
    ] = False,
) -> int:
    """Watch a prediction log: judge each new window against the reference, and keep its record."""
    from audit.cli.monitor import monitor as verb

    return verb(
        config, window=window, out=out, policy=policy, formats=formats, strict=strict, trust=trust,
        judge_again=judge_again,
    )  # fmt: skip


@app.command()
def history(
    records: Annotated[list[Path], typer.Argument(help="audit.json files, or folders of them")],
    out: Annotated[Path, typer.Option("--out", help="HTML file to write.")] = Path("history.html"),
) -> int:
    """Draw what became of each gate over many audits, as one page without a server."""
    from audit.cli.history import history as verb

    return verb(records, out=out)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="train.toml")],
    out: Annotated[Path | None, typer.Option("--out", help="Model file to write.")] = None,
    search: Annotated[bool, typer.Option("--search", help="Search hyperparameters as [search] says.")] = False,
) -> int:
    """Fit a reference network and write its model file."""
    from audit.cli.train import train as verb

    return verb(config, out=out, search=search)


@app.command()
def compress(
    model: Annotated[Path, typer.Argument(help="Network of trainers or ONNX file.")],
    calibrate: Annotated[Path, typer.Option("--calibrate", help="Table to calibrate (and train) on.")],
    int8: Annotated[str, typer.Option("--int8", help="static (weights and activations) or weights.")] = "",
    prune: Annotated[float, typer.Option("--prune", help="Share of each layer's weights to set to zero.")] = 0.0,
    units: Annotated[bool, typer.Option("--units", help="Prune whole units instead of weights.")] = False,
    distill: Annotated[str, typer.Option("--distill", help="Layers of a smaller network to teach, such as 16,8.")] = "",
    target: Annotated[str, typer.Option("--target", help="Column to train on, for --prune of networks.")] = "",
    epochs: Annotated[int, typer.Option("--epochs", help="Passes of training after pruning.", min=0)] = 3,
    groups: Annotated[str, typer.Option("--groups", help="Columns whose groups count equally, comma-separated.")] = "",
    rows: Annotated[int, typer.Option("--rows", help="Calibration rows.", min=1)] = 512,
    test: Annotated[
        Path | None, typer.Option("--test", help="Rows to compare on; by default the calibration table.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="File to write; a report is written beside it.")] = Path(
        "small.onnx"
    ),
    features: Features = "",
    trust: Trust = False,
) -> int:
    """Quantize, prune or distill a model, and say for which groups its answers change."""
    from audit.cli.compress import Asked
    from audit.cli.compress import compress as verb

    asked = Asked(
        int8=int8, prune=prune, units=units, distill=distill, target=target, epochs=epochs, groups=groups, rows=rows,
        features=features,
    )  # fmt: skip
    return verb(model, asked, calibrate=calibrate, test=test, out=out, trust=trust)


@app.command()
def mitigate(
    config: Annotated[Path, typer.Argument(help="audit.toml with [model], [data] train, test and sensitive")],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="reweigh, resample, thresholds, relaxed-thresholds, reduction, penalty, remove-correlation, "
            "group-calibration.",
        ),
    ],
    constraint: Annotated[
        str,
        typer.Option(
            "--constraint",
            help="demographic-parity, equalized-odds, equal-opportunity, error-rate or bounded-group-loss.",
        ),
    ],
    feature: Annotated[str, typer.Option("--feature", help="Which sensitive feature; sex,race crosses them.")] = "",
    limit: Annotated[float, typer.Option("--limit", help="Largest gap that is accepted on test rows.")] = 0.05,
    anyway: Annotated[bool, typer.Option("--anyway", help="Continue even if no gap is shown.")] = False,
    out: Annotated[Path, typer.Option("--out", help="Folder for model, record and card.")] = Path("mitigated"),
    policy: PolicyFile = None,
    strict: Strict = False,
    trust: Trust = False,
) -> int:
    """Narrow a gap among groups, judge the outcome on test rows, and say who gained and who lost."""
    from audit.cli.mitigate import mitigate as verb
    from audit.mitigation.work import Asked

    asked = Asked(method=method, constraint=constraint, feature=feature, limit=limit, anyway=anyway)
    return verb(config, asked, out=out, policy=policy, strict=strict, trust=trust)


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="Model file: networks of trainers, scikit-learn, boosters.")],
    data: Annotated[Path, TABLE],
    test: Annotated[
        Path | None, typer.Option("--test", help="Rows to verify the export on; by default the table itself.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="File to write; model.json is written beside it.")] = Path(
        "model.onnx"
    ),
    formats: Annotated[str, typer.Option("--format", help="onnx.")] = "onnx",
    features: Features = "",
    version: Annotated[str, typer.Option("--model-version", help="Version that model.json states.")] = "1",
    trust: Trust = False,
) -> int:
    """Write a model as ONNX with its preprocessing if both answer the test rows alike; describe it in model.json."""
    from audit.cli.export import export as verb

    return verb(model, data=data, test=test, out=out, format_=formats, features=features, version=version, trust=trust)


@app.command()
def serve(
    model: Annotated[Path, typer.Argument(help="model.json of modelassay export, or a model file with --data.")],
    data: Annotated[Path | None, TABLE] = None,
    features: Features = "",
    host: Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on.", min=0, max=65535)] = 8080,
    log: Annotated[Path | None, typer.Option("--log", help="Folder for Parquet files of predictions.")] = None,
    log_inputs: Annotated[
        str, typer.Option("--log-inputs", help="Inputs to log with the predictions, comma-separated.")
    ] = "",
    types_only: Annotated[
        bool, typer.Option("--types-only", help="Check types only, not categories and ranges.")
    ] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds for one request.", min=0.01)] = 30.0,
    trust: Trust = False,
) -> int:
    """Answer predictions over HTTP (Open Inference Protocol v2), every row compared with a schema."""
    from audit.cli.serve import Asked
    from audit.cli.serve import serve as verb

    asked = Asked(host=host, port=port, log=log, log_inputs=log_inputs, types_only=types_only, timeout=timeout)
    return verb(model, asked, data=data, features=features, trust=trust)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything the demo writes.")] = Path("audit-demo"),
    data: Annotated[str, typer.Option("--data", help="diabetes or digits.")] = "diabetes",
) -> int:
    """Train a small network on real data that ships with scikit-learn, audit it, write the card."""
    from audit.cli.demo import demo as verb

    return verb(out, data=data)


def usage_message(error: Exception) -> str | None:
    """Return what to tell a user whose command line or output folder is at fault; ``None`` for our own mistakes."""
    from reports.store import RecordError

    result = getattr(error, "format_message", None)
    if callable(result):
        context = getattr(error, "ctx", None)
        verb = f"{context.info_name} " if context is not None and context.parent is not None else ""
        return f"{result()} See modelassay {verb}--help."
    if isinstance(error, OSError | RecordError):
        return (
            f"{type(error).__name__}: {error}"
            if isinstance(error, OSError) and error.args[1:] != () and error.filename
            else str(error)
        )
    return None
