"""Folders of Hugging Face: a tiny BERT with weights at random answers as itself, offline, and no code of it runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="transformers run on torch")
pytest.importorskip("transformers", reason="folders of Hugging Face need the transformers extra")

import audit  # noqa: E402
from audit.config.configuration import read_config  # noqa: E402
from audit.config.plan import plan_from_config  # noqa: E402
from audit.errors import ModelError  # noqa: E402
from audit.models.load import load  # noqa: E402
from audit.models.transformer_folders import TextClassifier, import_transformers  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "the", "a", "very"]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS[5:], RNG.integers(1, 30))) for _ in range(80)]


def written(folder: Path, *, labels: int = 2, named: bool = True, **more: object) -> Path:
    """Write a tiny classifier whose weights are drawn at random."""
    transformers = import_transformers()
    folder.mkdir(exist_ok=True)
    names = {number: ["negative", "positive", "other"][number] for number in range(labels)} if named else None
    more |= {} if names is None else {"id2label": names, "label2id": {name: number for number, name in names.items()}}
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=24, initializer_range=0.5, **({} if named else {"num_labels": labels}), **more,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.BertTokenizerFast(vocab={word: place for place, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder


def logits_one_by_one(folder: Path) -> np.ndarray:
    transformers = import_transformers()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        rows = [
            network(**tokenizer([text], truncation=True, max_length=24, return_tensors="pt")).logits for text in TEXTS
        ]
    return np.asarray(torch.cat(rows).double().numpy())


def test_a_folder_answers_in_batches_as_its_model_does_text_by_text(tmp_path: Path) -> None:
    folder = written(tmp_path / "bert")
    logits = logits_one_by_one(folder)
    model = load(folder)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(TextClassifier(folder).predict_proba(TEXTS), shares, atol=1e-5)
    assert (model.info.format, model.info.runs_code, model.reads_texts) == ("transformers", False, True)
    assert model.classes is not None
    assert model.classes.tolist() == ["negative", "positive"]


def test_a_configuration_audits_a_folder_with_its_words(tmp_path: Path) -> None:
    logits = logits_one_by_one(written(tmp_path / "bert"))
    chosen = np.where(logits.argmax(axis=1) == 1, "positive", "negative")
    assert len(set(chosen)) == 2
    chosen[:8] = np.where(chosen[:8] == "positive", "negative", "positive")
    pd.DataFrame({"text": TEXTS, "mood": chosen}).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[model]\npath = "bert"\n[data]\ntest = "test.csv"\ntarget = "mood"\npositive = "positive"\n'
        '[audit]\nsuppress_n = 0\n[checks]\nselect = ["classification", "text_explanations"]\n'
    )
    record = audit.execute(plan_from_config(read_config(tmp_path / "audit.toml"), tmp_path))
    assert record.metric("accuracy").value == 0.9
    assert {finding.check: finding.outcome for finding in record.findings}["text_explanations"] == "measured"


def test_numbered_classes_are_those_of_the_target_and_labels_are_audited_one_by_one(tmp_path: Path) -> None:
    folder = written(tmp_path / "bert", labels=3, named=False, problem_type="multi_label_classification")
    one = (logits_one_by_one(folder)[:, 1] > 0).astype(int)
    one[:8] = 1 - one[:8]
    record = audit.run(load(folder), TEXTS, one, output_column=1, quick=True, suppress_n=0)
    assert record.metric("accuracy").value == 0.9
    two = written(tmp_path / "two", labels=2, named=False)
    codes = logits_one_by_one(two).argmax(axis=1)
    record = audit.run(load(two), TEXTS, np.where(codes, "yes", "no"), positive="yes", quick=True, suppress_n=0)
    assert record.metric("accuracy").value == 1.0
    amounts = load(written(tmp_path / "amounts", labels=1, named=False))
    y = logits_one_by_one(tmp_path / "amounts")[:, 0]
    record = audit.run(amounts, TEXTS, y, task="regression", quick=True, suppress_n=0)
    assert record.metric("r2_score").value == pytest.approx(1.0)


def _edit(name: str, **values: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_edit("config.json", auto_map={"AutoModel": "mine.Model"}), r"code of its author.*\[model\] object"),
        (_edit("tokenizer_config.json", auto_map={"AutoTokenizer": ["mine.T", None]}), "code of its author"),
        (
            _edit("config.json", architectures=["BertModel"]),
            r"'BertModel'; expected a text classifier.*\[model\] object",
        ),
        (_pickled, r"'pytorch_model.bin', a format that can run code.*save_pretrained"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), "could not be loaded by transformers"),
        (_edit("config.json", num_hidden_layers=2), r"lacks \d+ weights.*drawn at random"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read as JSON"),
        (lambda folder: (folder / "config.json").write_text("{}"), "names no model_type"),
    ],
)
def test_what_a_folder_must_not_hold_is_refused_with_the_lines_to_write(
    change: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    folder = written(tmp_path / "bert")
    change(folder)
    with pytest.raises(ModelError, match=said):
        load(folder)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "bert")
    shutil.copytree(folder, tmp_path / "bare", ignore=shutil.ignore_patterns("tokenizer*", "vocab*"))
    with pytest.raises(ModelError, match="holds no tokenizer"):
        load(tmp_path / "bare")
