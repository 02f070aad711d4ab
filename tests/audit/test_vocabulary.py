"""Typing errors in a policy are found before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from audit.cli import main
from audit.errors import PolicyError
from audit.integrations.auditing import run
from audit.judging.vocabulary import require_known_words
from audit.policy.read import default_policy
from reports.rules import Policy
from tests.audit.verdict_records import gate, policy


def refusal(stated: Policy) -> str:
    """Return what is said against a policy, or nothing."""
    try:
        require_known_words(stated)
    except PolicyError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"metric": "reccall"}, "'reccall', which nothing measures. Did you mean 'recall'"),
        ({"metric": "acuracy"}, "Did you mean 'accuracy'"),
        ({"metric": "selection_rate_rato"}, "Did you mean 'selection_rate_ratio'"),
        ({"metric": "ROC_AUC"}, "Did you mean 'roc_auc'"),
        ({"check": "disparties", "metric": "precision_difference"}, "Did you mean 'disparities'"),
        ({"kind": "no_regression", "metric": "recal", "threshold": -0.01}, "Did you mean 'recall'"),
    ],
)
def test_misspelled_words_are_refused(fields: dict[str, object], told: str) -> None:
    assert told in refusal(policy(gate(**fields)))


@pytest.mark.parametrize(
    "fields",
    [
        {"metric": "recall"},
        {"metric": "recall", "kind": "difference", "reference": "largest"},
        {"check": "decision_costs", "metric": "expected_cost_change"},
        {"metric": "expected_cost"},
        {"metric": "accuracy_train_test_difference"},
        {"metric": "profit"},
        {"metric": "recall_at_5"},
        {"check": "somebodys_plugin", "metric": "qqq"},
        {"metric": "acuracy", "severity": "off"},
    ],
)
def test_known_words_and_words_of_ones_own_are_let_through(fields: dict[str, object]) -> None:
    assert refusal(policy(gate(**fields))) == ""


def test_the_catalogue_is_known() -> None:
    known = default_policy()
    assert len(known.gates) > 50
    assert refusal(known) == ""


def test_the_policy_command_refuses_a_misspelled_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gates.toml"
    file.write_text('[[gate]]\nid = "floor"\nmetric = "reccall"\nop = ">="\nthreshold = 0.8\n', encoding="utf-8")
    assert main(["policy", str(file)]) == 2
    assert "'reccall'" in "".join(capsys.readouterr())
    file.write_text(file.read_text(encoding="utf-8").replace("reccall", "recall"), encoding="utf-8")
    assert main(["policy", str(file)]) == 0


def test_a_run_is_refused_before_the_model_is_asked() -> None:
    class Untouchable:
        def predict(self, X: pd.DataFrame) -> None:
            raise AssertionError("the model was asked")

    frame = pd.DataFrame({"x": [0.0, 1.0] * 30, "y": [0, 1] * 30})
    with pytest.raises(PolicyError, match="reccall"):
        run(Untouchable(), test=frame, target="y", positive=1, policy=policy(gate(metric="reccall")))
