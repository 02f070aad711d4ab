"""Audit two models of the Adult census data: gradient boosting and a network, with sensitive sex and race.

The data are not part of this repository. Give the folder that holds ``adult_train.csv`` and
``adult_test.csv`` (UCI Adult with a header row; columns as in ``FEATURES``)::

    python examples/adult/adult.py --data FOLDER [--out FOLDER] [--model boosting|network|both] [--rows N]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pandas as pd

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads stall fits on a busy machine

from audit.cli import main as modelassay

NUMBERS = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
CATEGORIES = ["workclass", "marital_status", "occupation", "relationship", "race", "sex", "native_country"]
FEATURES = [*NUMBERS, *CATEGORIES]
TARGET, POSITIVE = "income", ">50K"

CONFIG = """\
[model]
path = "{model}.skops"

[data]
train = "train.parquet"
test = "test.parquet"
target = "income"
task = "binary"
positive = ">50K"
favorable = ">50K"
sensitive = ["sex", "race"]
drop = ["fnlwgt", "education"]   # a survey weight, and education_num in words

[card]
path = "card.toml"

[report]
out = "{model}-report"
"""

CARD = """\
name = "Adult income, {model}"
overview = "Tells whether a person of the 1994 US census sample earned over 50,000 dollars."
intended_use = "An example of an audit."
out_of_scope_use = "Any decision about a person; the data are of 1994."
training_data = "UCI Adult, 32,561 rows, the original training file."
evaluation_data = "UCI Adult, 16,281 rows, the original test file."
"""


def boosting() -> object:
    """Return a gradient boosting with one-hot categories."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = make_column_transformer(
        ("passthrough", NUMBERS),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20, sparse_output=False), CATEGORIES),
    )
    return make_pipeline(columns, HistGradientBoostingClassifier(random_state=0))


def network() -> object:
    """Return a multilayer perceptron with one-hot categories."""
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from trainers import NetworkClassifier

    columns = make_column_transformer(
        ("passthrough", NUMBERS),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20, sparse_output=False), CATEGORIES),
    )
    mlp = NetworkClassifier(hidden=(64, 64), dropout=0.1, batch_size=256, epochs=30, patience=5, random_state=0)
    return make_pipeline(columns, mlp)


MODELS = {"boosting": boosting, "network": network}


def read(path: Path, rows: int | None) -> pd.DataFrame:
    """Read one of the two files, or a random part of it."""
    frame = pd.read_csv(path)
    return frame if rows is None or rows >= len(frame) else frame.sample(rows, random_state=0).reset_index(drop=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/adult"))
    parser.add_argument("--out", type=Path, default=Path("out/adult"))
    parser.add_argument("--model", choices=[*MODELS, "both"], default="both")
    parser.add_argument("--rows", type=int, default=None)
    asked = parser.parse_args()
    if not (asked.data / "adult_train.csv").is_file():
        print(f"no adult_train.csv in {asked.data}; give its folder with --data", file=sys.stderr)
        return 2
    train, test = (read(asked.data / f"adult_{split}.csv", asked.rows) for split in ("train", "test"))
    asked.out.mkdir(parents=True, exist_ok=True)
    train.to_parquet(asked.out / "train.parquet")
    test.to_parquet(asked.out / "test.parquet")
    worst = 0
    for name in MODELS if asked.model == "both" else [asked.model]:
        worst = max(worst, audited(name, train, asked.out))
    return worst


def audited(name: str, train: pd.DataFrame, out: Path) -> int:
    """Fit one model, save it as skops, write its configuration, and run the audit."""
    import skops.io

    model = MODELS[name]().fit(train[FEATURES], train[TARGET])
    skops.io.dump(model, out / f"{name}.skops")
    (out / f"{name}.toml").write_text(CONFIG.format(model=name).replace("card.toml", f"{name}-card.toml"))
    (out / f"{name}-card.toml").write_text(CARD.format(model=name))
    return modelassay(["run", str(out / f"{name}.toml")])


if __name__ == "__main__":
    sys.exit(main())
