"""``modelassay demo``: a reference network on real data that ships with scikit-learn, audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit.cli import output
from audit.cli.run import run
from audit.errors import ConfigError, hint, quote, quote_all
from audit.optional import require
from reports.formats import FORMATS
from reports.together import write_together

if TYPE_CHECKING:
    import pandas as pd

    from trainers import NetworkClassifier

LEARNED = ("train.csv", "test.csv", "model.safetensors")

DIABETES = """\
# What is audited: a small network that tells whether a patient's diabetes progresses
# in the upper half within a year (Efron et al. 2004, as bundled with scikit-learn).

[model]
path = "model.safetensors"

[data]
train = "train.csv"
test = "test.csv"
target = "progression"
task = "binary"
positive = "upper half"
favorable = "lower half"  # good for the patient: the disease progresses slowly
sensitive = ["sex", "age"]

[data.bins]
age = [40, 55]
"""

DIGITS = """\
# What is audited: a small convolutional network that reads handwritten digits
# (8 x 8 pixels, UCI optical recognition test set, as bundled with scikit-learn).

[model]
path = "model.safetensors"

[data]
train = "train.csv"
test = "test.csv"
target = "digit"
task = "multiclass"
"""

AFTER = """\
[audit]
seed = 0

[policy]
path = "gates.toml"

[card]
path = "card.toml"

[report]
out = "."
formats = ["json", "html", "md", "junit"]
"""
"""What every demo's configuration ends with."""

GATES = """\
# The gates of this audit: the default catalogue, changed where this model needs it.
# Commit this file before results exist. `modelassay rule CODE` explains a rule.

schema_version = 1

[policy]
name = "demo"
extends = "default"

# [[override]]
# id = "FAIR001"
# threshold = 0.9
# because = "agreed with the medical board"
"""

CARD = """\
# What only people can say. Blanks stay visible on the card.

name = "{name}"
version = "1"
overview = "{overview}"
intended_use = "Showing what an audit looks like."
out_of_scope_use = "Any decision about a person."
owner = ""
contact = ""
license = "Apache-2.0"
intended_users = ""
training_data = "{data}"
evaluation_data = "{data}"
ethical_considerations = ""
risks_and_harms = ""
mitigations = ""
human_oversight = ""
"""


def demo(out: Path, *, data: str) -> int:
    """Train, write model, tables and configuration into `out`, and audit."""
    demos = {"diabetes": _diabetes, "digits": _digits}
    if data not in demos:
        raise ConfigError(f"no demo data {quote(data)}; there are {quote_all(demos)}.{hint(data, demos)}")
    require("torch", extra="torch", purpose="reference networks")
    output.require_writable(out)
    chosen = demos[data]()
    texts = {
        "audit.toml": f"{chosen.config}\n{AFTER}",
        "card.toml": CARD.format(**chosen.words),
        "gates.toml": GATES,
    }
    written = {name: text.encode() for name, text in texts.items()}
    _require_own(out, written)
    contents = written | _fit(chosen)
    write_together(out, contents, {*contents, *(format_.file for format_ in FORMATS.values())})
    code = run(out / "audit.toml", out=str(out), policy=None, formats=None, strict=False)
    output.note(
        "Model, tables and configuration stand beside the card. Change gates.toml, then: "
        f"modelassay judge {out}/audit.json --policy {out}/gates.toml"
    )
    return code


def _require_own(out: Path, written: Mapping[str, bytes]) -> None:
    """Refuse to write over anything but an earlier demo that nobody has changed."""
    standing = [name for name in (*written, *LEARNED) if (out / name).exists()]
    changed = [name for name in written if not (out / name).is_file() or (out / name).read_bytes() != written[name]]
    if standing and changed:
        raise ConfigError(
            f"folder {quote(out)} already holds {quote_all(standing)}, not as this demo wrote it. Name another folder."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What a demo trains, and on what."""

    network: NetworkClassifier
    frame: pd.DataFrame
    target: str
    config: str
    words: Mapping[str, str]


def _diabetes() -> Demo:
    from sklearn.datasets import load_diabetes

    from trainers import NetworkClassifier as Network

    frame = load_diabetes(scaled=False, as_frame=True).frame
    upper = frame.pop("target") > 140.5  # the median of the 442 patients
    frame["sex"] = frame["sex"].astype(int)
    frame["progression"] = upper.map({True: "upper half", False: "lower half"})
    network = Network(
        hidden=(16,),
        l2=0.01,
        dropout=0.1,
        learning_rate=0.005,
        epochs=300,
        patience=30,
        validation_fraction=0.2,
        random_state=0,
    )
    words = {
        "name": "Diabetes progression",
        "overview": "A multilayer perceptron on ten measurements of 442 patients.",
        "data": "Efron, Hastie, Johnstone and Tibshirani 2004; 442 patients, bundled with scikit-learn.",
    }
    return Demo(network=network, frame=frame, target="progression", config=DIABETES, words=words)


def _digits() -> Demo:
    from sklearn.datasets import load_digits

    from trainers import NetworkClassifier as Network

    frame = load_digits(as_frame=True).frame.rename(columns={"target": "digit"})
    network = Network(
        network="cnn", input_shape=(1, 8, 8), epochs=60, patience=10, learning_rate=0.003, dropout=0.1, random_state=0
    )
    words = {
        "name": "Handwritten digits",
        "overview": "A convolutional network on images of 8 by 8 pixels.",
        "data": "UCI optical recognition of handwritten digits, 1,797 images, bundled with scikit-learn.",
    }
    return Demo(network=network, frame=frame, target="digit", config=DIGITS, words=words)


def _fit(demo: Demo) -> dict[str, bytes]:
    """Train the network; return model and tables as files."""
    from sklearn.model_selection import train_test_split

    from trainers.files import to_bytes

    frame, target = demo.frame, demo.target
    train, test = train_test_split(frame, test_size=0.4, random_state=0, stratify=frame[target])
    output.note(f"Training {type(demo.network).__name__} on {len(train)} rows …")
    demo.network.fit(train.drop(columns=target), train[target])
    tables = [part.to_csv(index=False).encode() for part in (train, test)]
    return dict(zip(LEARNED, (*tables, to_bytes(demo.network)), strict=True))
