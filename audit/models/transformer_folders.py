"""Text classifiers of Hugging Face from a folder: weights as safetensors, its own tokenizer, nothing fetched."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.errors import ModelError, quote, quote_all
from audit.models.offered import available_if
from audit.optional import require

BATCH = 32
MOST_TOKENS = 512
"""Tokens that are read of a text where neither model nor tokenizer says."""
VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
)
"""Files of which one is a tokenizer's: without any, the library makes one that knows no word."""
SAVE = (
    'Save it with model.save_pretrained("folder") and tokenizer.save_pretrained("folder") of transformers, and state '
    '[model] path = "folder".'
)
OWN = 'Write an object with predict(texts) around it: [model] object = "package.module:name".'


class TextClassifier:
    """A classifier (or regressor) of texts with scikit-learn's methods.

    Parameters
    ----------
    folder : Path
        With ``config.json``, ``model.safetensors`` and a tokenizer.

    Raises
    ------
    ModelError
        If it holds code, weights that are pickled, no head for classes, or no tokenizer; ends with the lines to write.
    MissingExtra
        If transformers is not installed.
    """

    reads_texts_ = True
    n_features_in_ = 1

    def __init__(self, folder: Path) -> None:
        config = read_description(folder)
        transformers = import_transformers()
        from_folder: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **from_folder)
            network, report = transformers.AutoModelForSequenceClassification.from_pretrained(
                folder, **from_folder, use_safetensors=True, output_loading_info=True
            )
        except Exception as error:  # whatever the library makes of a stranger's folder, the user reads one line
            said = " ".join(str(error).split())[:200]
            raise ModelError(f"{quote(folder.name)} could not be loaded by transformers: {said}. {SAVE}") from error
        missing = [*report.get("missing_keys", ()), *report.get("mismatched_keys", ())]
        if missing:
            raise ModelError(
                f"{quote(folder.name)} lacks {len(missing)} weights of a text classifier, such as {quote(missing[0])}; "
                f"they would be drawn at random. Train it first, or {SAVE[0].lower()}{SAVE[1:]}"
            )
        if len(self._tokenizer) > network.config.vocab_size:
            raise ModelError(
                f"{quote(folder.name)}: its tokenizer knows {len(self._tokenizer)} tokens and its model "
                f"{network.config.vocab_size}; they belong to different models. {SAVE}"
            )
        self.module = network.float().eval()
        self._several = config.get("problem_type") == "multi_label_classification"
        self._number = network.config.num_labels == 1
        self._most = _most_tokens(self._tokenizer, network.config)
        self.classes_ = None if self._number else _classes(network.config, several=self._several)
        if self._several:
            self.target_names_ = tuple(str(network.config.id2label[k]) for k in range(network.config.num_labels))

    def learn_labels(self, labels: Sequence[object], task: str, rows: pd.DataFrame) -> None:  # noqa: ARG002
        """Learn the target's labels, in sorted order, where the folder numbers its classes only."""
        if self.classes_ is not None and not self._several and self.classes_.dtype.kind == "i":
            self.classes_ = np.asarray(labels) if len(labels) == len(self.classes_) else self.classes_

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Return a label, or a number, for each text; of several labels 0 or 1 for each."""
        answers = self._answers(X)
        if self.classes_ is None:
            return answers[:, 0]
        return (answers > 0).astype(int) if self._several else np.asarray(self.classes_[answers.argmax(axis=1)])

    @available_if(lambda self: self.classes_ is not None)
    def predict_proba(self, X: object) -> npt.NDArray[np.float64]:
        """Return the probability of each class, shape (n, classes); of several labels each by itself."""
        answers = self._answers(X)
        if self._several:
            return np.asarray(1 / (1 + np.exp(-answers)))
        raised = np.exp(answers - answers.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def _answers(self, X: object) -> npt.NDArray[np.float64]:
        """Return logits of texts; those of about one length are read together."""
        import torch

        texts = _texts(X)
        order = np.argsort([len(text) for text in texts], kind="stable")
        answers = np.empty((len(texts), self.module.config.num_labels))
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                chosen = order[start : start + BATCH]
                given = self._tokenizer(
                    [texts[place] for place in chosen], padding=True, truncation=True, max_length=self._most,
                    return_tensors="pt",
                )  # fmt: skip
                answers[chosen] = self.module(**given).logits.double().numpy()
        return answers

    def __sklearn_is_fitted__(self) -> bool:
        """Tell that there is nothing to fit."""
        return True


def read_description(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` and refuse what is not a text classifier, names code, or has its weights pickled.

    Raises
    ------
    ModelError
    """
    config = _json(folder / "config.json")
    if not isinstance(config, dict) or "model_type" not in config:
        raise ModelError(f"{quote(folder.name)} is a folder, and its config.json names no model_type. {SAVE}")
    tokenizer = _json(folder / "tokenizer_config.json")
    if "auto_map" in config or (isinstance(tokenizer, dict) and "auto_map" in tokenizer):
        raise ModelError(
            f"{quote(folder.name)} needs code of its author (auto_map), which is not run. Use an architecture that "
            f"transformers itself has. {OWN}"
        )
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for path in [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.h5")])
        seen = f"weights in {quote_all(pickled)}, a format that can run code" if pickled else "no weights"
        raise ModelError(f"{quote(folder.name)} holds {seen}; expected model.safetensors. {SAVE}")
    if not any((folder / name).is_file() for name in VOCABULARIES):
        raise ModelError(f"{quote(folder.name)} holds no tokenizer ({quote_all(VOCABULARIES)}). {SAVE}")
    heads = [str(name) for name in config.get("architectures") or ()]
    if not any(name.endswith("ForSequenceClassification") for name in heads):
        raise ModelError(
            f"{quote(folder.name)} holds {quote_all(heads) or 'no named architecture'}; expected a text classifier "
            f"(…ForSequenceClassification). {OWN}"
        )
    return config


def _json(path: Path) -> object:
    if not path.is_file():
        return None
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise ModelError(f"{quote(path.name)} of {quote(path.parent.name)} cannot be read as JSON. {SAVE}") from error
    return value


def import_transformers() -> Any:  # noqa: ANN401 -- a module
    """Import transformers, told to fetch nothing and to draw no bars."""
    require("torch", extra="transformers", purpose="text classifiers of Hugging Face")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    transformers = require("transformers", extra="transformers", purpose="text classifiers of Hugging Face")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


def _most_tokens(tokenizer: Any, config: Any) -> int:  # noqa: ANN401
    stated = [getattr(tokenizer, "model_max_length", 0), getattr(config, "max_position_embeddings", 0)]
    return int(min([value for value in stated if isinstance(value, int) and 0 < value < 1_000_000] or [MOST_TOKENS]))


def _classes(config: Any, *, several: bool) -> npt.NDArray[Any]:  # noqa: ANN401
    """Return the names of the classes, or their numbers where the folder names none."""
    names = [str(config.id2label.get(number, f"LABEL_{number}")) for number in range(config.num_labels)]
    unnamed = all(name == f"LABEL_{number}" for number, name in enumerate(names))
    return np.arange(config.num_labels) if several or unnamed else np.asarray(names)


def _texts(X: object) -> list[str]:
    """Return texts, from a column of them; a missing one is empty."""
    column = X.iloc[:, 0] if isinstance(X, pd.DataFrame) else pd.Series(np.ravel(np.asarray(X, dtype=object)))
    return ["" if missing else str(text) for text, missing in zip(column, column.isna(), strict=True)]
