"""A train.toml becomes a model file, whatever it asks for; what it gets wrong is named with its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from trainers import NetworkClassifier, TrainerError, load, save
from trainers.config import fit_from_config

pytest.importorskip("torch")

RNG = np.random.default_rng(0)
ROWS = 240
TABLE = pd.DataFrame(
    {
        "age": np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.normal(40, 10, ROWS)),
        "job": RNG.choice(["clerk", "smith", "nurse"], ROWS),
        "sex": RNG.choice(["f", "m"], ROWS),
        "hours": RNG.integers(10, 60, ROWS),
        "person": np.arange(ROWS) // 3,
        "day": RNG.permutation(ROWS),
        "weight": RNG.uniform(0.5, 2, ROWS),
    }
)
TABLE["rich"] = np.where((TABLE["job"] == "nurse") ^ (TABLE["hours"] > 35), "yes", "no")
TABLE["pay"] = TABLE["hours"] * 10.0 + (TABLE["job"] == "smith") * 100
BASE = """
seed = 3
[data]
train = "t.csv"
target = "rich"
task = "binary"
drop = ["pay", "person", "day", "weight"]
[network]
epochs = 30
learning_rate = 0.02
hidden = [16]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "train.toml"
    path.write_text(text)
    return path


def test_a_table_with_categories_and_holes_becomes_one_file(folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    path = fit_from_config(write(folder, BASE), progress=lambda *step: seen.append(step))
    assert path == folder / "train.safetensors"
    model = load(path)
    assert model.score(TABLE, TABLE["rich"]) > 0.9
    assert list(model.feature_names_in_) == ["age", "job", "sex", "hours"]
    last = model.steps[-1][1]
    assert last.data_["file"] == "t.csv"
    assert last.data_["rows"] == ROWS
    assert len(last.data_["sha256"]) == 64
    assert last.validation_rows_ == 36
    assert {what for what, _, _ in seen} == {"epochs"}
    assert [done for _, done, _ in seen] == list(range(1, last.n_iter_ + 1))
    again = fit_from_config(folder / "train.toml", out=folder / "second")
    assert again == folder / "second" / "model.safetensors"
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("line", ['cluster = "person"', 'time = "day"', 'weight = "weight"'])
def test_clusters_time_and_weights_are_respected(folder: Path, line: str) -> None:
    text = BASE.replace('task = "binary"', f'task = "binary"\n{line}')
    model = load(fit_from_config(write(folder, text)))
    assert model.score(TABLE, TABLE["rich"]) > 0.85
    assert line.split('"')[1] not in model.feature_names_in_


def test_regression_reads_its_target(folder: Path) -> None:
    text = BASE.replace('"rich"', '"pay"').replace('"binary"', '"regression"').replace('"pay", "p', '"rich", "p')
    assert load(fit_from_config(write(folder, text))).score(TABLE, TABLE["pay"]) > 0.8


def test_numbers_alone_need_no_preparation(folder: Path) -> None:
    text = BASE + "\n[preparation]\nuse = false\n"
    text = text.replace("drop = ", 'features = ["hours"]\ndrop = ')
    model = load(fit_from_config(write(folder, text), out=folder / "m.safetensors"))
    assert isinstance(model, NetworkClassifier)
    assert list(model.feature_names_in_) == ["hours"]


def test_texts_are_read_from_their_column(folder: Path) -> None:
    table = pd.DataFrame({"text": ["win a prize", "see you soon"] * 60, "label": ["spam", "ham"] * 60})
    table.to_csv(folder / "sms.csv", index=False)
    text = '[data]\ntrain = "sms.csv"\ntarget = "label"\ntext = "text"\ntask = "binary"\n'
    text += "[network]\nepochs = 10\nunits = 8\nlearning_rate = 0.02\n"
    model = load(fit_from_config(write(folder, text)))
    assert model.predict(pd.DataFrame({"text": ["a prize"]})).tolist() == ["spam"]


def draw_digits(folder: Path, rows: int = 150) -> None:
    digits = load_digits()
    for number in range(rows):
        path = folder / "images" / str(digits.target[number]) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[number] * 15).astype(np.uint8)).save(path)


def test_images_come_from_a_folder_and_a_backbone_from_a_file(folder: Path) -> None:
    draw_digits(folder)
    text = '[data]\nimages = "images"\ntask = "multiclass"\n[network]\nnetwork = "cnn"\nepochs = 5\n'
    first = fit_from_config(write(folder, text), out=folder / "first.safetensors")
    more = '[transfer]\nbackbone = "first.safetensors"\n[[transfer.stage]]\nepochs = 2\n'
    more += '[[transfer.stage]]\nunfreeze = "all"\nepochs = 2\nlearning_rate = 1e-4\n'
    second = load(fit_from_config(write(folder, text + more), out=folder / "second.safetensors"))
    assert load(first).n_iter_ == 5
    assert second.transfer_["backbone"] == "first.safetensors"
    assert second.n_iter_ == 4


def test_a_search_is_described_in_the_file(folder: Path) -> None:
    pytest.importorskip("optuna")
    text = BASE.replace("epochs = 30", "epochs = 5") + (
        '[search]\ntrials = 3\nfolds = 2\nsensitive = "sex"\ngap = "selection_rate"\nmethod = "nsga2"\n'
        'journal = "search.journal"\n'
        '[search.space.learning_rate]\nkind = "real"\nlow = 1e-3\nhigh = 0.1\nlog = true\n'
        '[search.space.hidden]\nkind = "choice"\nvalues = [[4], [8, 8]]\n'
    )
    seen: list[tuple[str, int, int]] = []
    path = fit_from_config(write(folder, text), search=True, progress=lambda *step: seen.append(step))
    found = load(path).steps[-1][1].search_
    assert found["method"] == "nsga2"
    assert found["seed"] == 3
    assert len(found["trials"]) == 3
    assert set(found["chosen"]["parameters"]) == {"network__learning_rate", "network__hidden"}
    assert [step for step in seen if step[0] == "trials"] == [("trials", number, 3) for number in (1, 2, 3)]
    assert (folder / "search.journal").is_file()


WRONG: list[tuple[str, str, str]] = [
    ('target = "rich"', 'targt = "rich"', r"'data.targt' \(line 5\) is not a key here.*Did you mean 'target'"),
    ('task = "binary"', 'task = "binry"', r"'data.task' \(line 6\) is 'binry'"),
    ('task = "binary"', "", r"\[data\] task is missing; for 'rich' write task = 'binary'"),
    ("[data]", "[rows]", r"'rows' \(line \d+\) is not a key here.*'data' is missing; write \[data\]"),
    ("epochs = 30", "validation = 0.2", r"'validation' is not a parameter.*It belongs in \[data\]"),
    ("seed = 3", 'seed = "many"', r"'seed' \(line 2\) is 'many'"),
    ("seed = 3", "sed = 3", "'sed' .* is not a key here.*Did you mean 'seed'"),
    ("epochs = 30", "epoch = 30", r"\[network\] 'epoch' is not a parameter.*Did you mean 'epochs'"),
    ("epochs = 30", "epochs = 0", "epochs is '0'"),
    ("learning_rate = 0.02", 'optimizer = "addam"', "Did you mean 'adam'"),
    ('"t.csv"', '"nowhere.csv"', "there is no file"),
    ('"t.csv"', '"train.toml"', r"ends in '\.toml'; expected"),
    ('target = "rich"', 'target = "rch"', "column 'rch' is not in.*Did you mean 'rich'"),
    ('target = "rich"', 'target = "job"', "target 'job' has 3 classes; expected 2"),
    ('target = "rich"', 'target = "age"', "target 'age' is missing in"),
    ('target = "rich"', 'target = "rich"\nimages = "x"', "both or neither of train and images"),
    ('target = "rich"', "", "names no target"),
    ("seed = 3", "seed = = 3", "cannot be read as TOML"),
    ("[network]", '[transfer]\nbackbone = "none.safetensors"\n[network]', "there is no file"),
    ("[network]", '[model]\npath = "m.pkl"\n[network]', r"ends in '\.safetensors'"),
    ("[network]", "[preparation]\nclipp = 0.1\n[network]", "'preparation.clipp'.*Did you mean 'clip'"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_what_is_wrong_is_named(folder: Path, old: str, new: str, message: str) -> None:
    assert old in BASE
    with pytest.raises(TrainerError, match=message):
        fit_from_config(write(folder, BASE.replace(old, new, 1)))
    assert not list(folder.glob("*.safetensors"))


def test_what_does_not_go_together_is_named(folder: Path) -> None:
    with pytest.raises(TrainerError, match="there is no file"):
        fit_from_config(folder / "nowhere.toml")
    with pytest.raises(TrainerError, match="do one of them"):
        fit_from_config(write(folder, BASE + '[transfer]\nbackbone = "x"\n'), search=True)
    heavy = BASE.replace('task = "binary"', 'task = "binary"\nweight = "weight"')
    with pytest.raises(TrainerError, match="does not weigh rows"):
        fit_from_config(write(folder, heavy), search=True)
    for part, message in (
        ('kind = "choice"', "a choice without values"),
        ('kind = "whole"\nlow = 1', "a range; give low and high"),
        ('kind = "whole"\nlow = 1\nhigh = 2.5', "expected whole numbers"),
        ('kind = "stack"', "a stack; give depth"),
    ):
        with pytest.raises(TrainerError, match=message):
            fit_from_config(write(folder, BASE + f"[search.space.units]\n{part}\n"), search=True)


def test_a_model_saved_beside_it_is_untouched_by_a_failure(folder: Path) -> None:
    table = TABLE[["hours"]]
    good = NetworkClassifier(epochs=1, random_state=0).fit(table, TABLE["rich"])
    path = save(good, folder / "train.safetensors")
    before = path.read_bytes()
    with pytest.raises(TrainerError, match="epochs"):
        fit_from_config(write(folder, BASE.replace("epochs = 30", "epochs = -1")))
    assert path.read_bytes() == before
