"""Targets of several columns: numbers predicted together, and labels of which a row may have any."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import make_multilabel_classification, make_regression
from sklearn.metrics import accuracy_score, f1_score, log_loss, r2_score

torch = pytest.importorskip("torch", reason="networks need the torch extra")

from trainers import GapPenalty, NetworkClassifier, NetworkRegressor, TrainerError, load, save  # noqa: E402
from trainers.baselines import constant_loss  # noqa: E402
from trainers.compression import distill  # noqa: E402
from trainers.config import fit_from_config  # noqa: E402
from trainers.gradients import Rows, flatten, gradients_of, mean_loss  # noqa: E402
from trainers.losses import Objective  # noqa: E402
from trainers.networks import NetworkSpec, build  # noqa: E402
from trainers.rates import find_rate  # noqa: E402
from trainers.search import search  # noqa: E402
from trainers.space import Choice  # noqa: E402
from trainers.transfer import Stage, transfer  # noqa: E402

X, Y = make_regression(300, 6, n_targets=3, noise=5.0, random_state=0)
Y = pd.DataFrame(Y * [1.0, 100.0, 0.01] + [0.0, 5000.0, 0.0], columns=["height", "weight", "dose"])
XL, L = make_multilabel_classification(400, 8, n_classes=4, random_state=0)
NUMBERS = NetworkRegressor(epochs=40, learning_rate=0.01, random_state=0).fit(X, Y)
LABELS = NetworkClassifier(epochs=30, learning_rate=0.01, scoring=("f1_macro", "roc_auc"), random_state=0).fit(XL, L)


def test_numbers_of_any_scale_are_predicted_together() -> None:
    assert NUMBERS.predict(X).shape == (300, 3)
    assert r2_score(Y, NUMBERS.predict(X), multioutput="raw_values").min() > 0.97
    assert NUMBERS.score(X, Y) == pytest.approx(r2_score(Y, NUMBERS.predict(X)))
    assert (NUMBERS.n_outputs_, NUMBERS.target_names_) == (3, ("height", "weight", "dose"))


def test_labels_are_told_each_by_itself() -> None:
    shares = LABELS.predict_proba(XL)
    assert shares.shape == (400, 4)
    assert not np.allclose(shares.sum(axis=1), 1.0)
    assert (LABELS.predict(XL) == (shares > 0.5)).all()
    assert f1_score(L, LABELS.predict(XL), average="micro") > 0.7
    assert LABELS.score(XL, L) == accuracy_score(L, LABELS.predict(XL))
    labels: Any = scipy.sparse.csr_matrix(L[:, :2])
    two = NetworkClassifier(epochs=2, random_state=0).fit(XL, labels)
    assert two.decision_function(XL).shape == (400, 2)


def test_the_history_scores_labels_as_scikit_learn_does() -> None:
    last = {(row.split, row.quantity): row.value for row in LABELS.history_}
    assert 0.5 < last["validation", "score:f1_macro"] <= 1
    assert 0.5 < last["validation", "score:roc_auc"] <= 1


@pytest.mark.parametrize("loss", ["absolute", "huber", "quantile"])
def test_other_losses_of_numbers_average_over_the_outputs(loss: str) -> None:
    generator = torch.Generator().manual_seed(0)
    outputs, truth = (torch.randn(30, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    weights = torch.rand(30, generator=generator, dtype=torch.float64)
    objective = Objective("regression", loss)
    whole = mean_loss(outputs, Rows(outputs, truth, weights), objective)
    each = [mean_loss(outputs[:, [k]], Rows(outputs, truth[:, k], weights), objective) for k in range(3)]
    assert torch.allclose(whole, torch.stack(each).mean())
    best = constant_loss(Rows(outputs, truth, None), objective)
    alone = [constant_loss(Rows(outputs, truth[:, k], None), objective) for k in range(3)]
    assert best == pytest.approx(np.mean(alone), rel=1e-6)


def test_the_loss_of_labels_is_the_mean_of_their_log_losses() -> None:
    logits = torch.tensor(LABELS.decision_function(XL))
    loss = float(mean_loss(logits, Rows(logits, torch.tensor(L, dtype=torch.float64), None), "multilabel"))
    shares = LABELS.predict_proba(XL)
    assert loss == pytest.approx(np.mean([log_loss(L[:, k], shares[:, k]) for k in range(4)]))


@pytest.mark.parametrize("objective", ["regression", "multilabel"])
def test_the_chain_rule_and_autograd_agree_on_several_outputs(objective: str) -> None:
    generator = torch.Generator().manual_seed(0)
    network = build(NetworkSpec(kind="mlp", input_shape=(5,), outputs=3, hidden=(7,)), generator).double()
    targets = torch.rand(20, 3, generator=generator, dtype=torch.float64)
    rows = Rows(torch.randn(20, 5, generator=generator, dtype=torch.float64), targets, torch.rand(20).double())
    flat = flatten(network)
    losses, slopes = [], []
    for graph in (False, True):
        losses.append(gradients_of(network, flat, objective, graph=graph)(rows))
        slopes.append(torch.cat([torch.as_tensor(vector.grad).clone() for vector in (*flat.matrices, *flat.vectors)]))
    assert torch.allclose(losses[0], losses[1])
    assert torch.allclose(slopes[0], slopes[1])


@pytest.mark.parametrize(("model", "rows"), [(NUMBERS, X), (LABELS, XL)])
def test_a_network_of_several_outputs_is_saved_and_comes_back(
    model: NetworkRegressor | NetworkClassifier, rows: np.ndarray, tmp_path: Path
) -> None:
    again = load(save(model, tmp_path / "model.safetensors"))
    for copy in (again, pickle.loads(pickle.dumps(model))):
        assert (copy.predict(rows) == model.predict(rows)).all()
        assert (copy.n_outputs_, copy.target_names_) == (model.n_outputs_, model.target_names_)


def test_search_rates_transfer_streams_and_mixup_know_several_outputs() -> None:
    space = {"hidden": Choice(((4,), (8,)))}
    pytest.importorskip("optuna", reason="a search needs the search extra")
    found = search(NetworkClassifier(epochs=5), space, XL, pd.DataFrame(L).add_prefix("tag"), trials=2, folds=2)
    assert found.model.target_names_ == ("tag0", "tag1", "tag2", "tag3")
    assert search(NetworkRegressor(epochs=5), space, X, Y, trials=2, folds=2).model.predict(X).shape == (300, 3)
    assert find_rate(NetworkClassifier(random_state=0), XL, L, steps=10).suggested > 0
    assert NetworkClassifier(random_state=0).partial_fit(XL, L).partial_fit(XL, L).predict(XL).shape == (400, 4)
    assert transfer(LABELS, XL, L, stages=[Stage(epochs=2)]).predict(XL).shape == (400, 4)
    mixed = NetworkClassifier(epochs=20, learning_rate=0.01, augment={"mixup": 0.2}, loss="focal", random_state=0)
    assert f1_score(L, mixed.fit(XL, L).predict(XL), average="micro") > 0.7


def test_what_several_columns_do_not_allow_is_refused_with_what_to_do() -> None:
    with pytest.raises(TrainerError, match="MultiOutputClassifier"):
        NetworkClassifier().fit(XL, L + 1)
    with pytest.raises(TrainerError, match="class_weight weighs the classes of one column"):
        NetworkClassifier(class_weight="balanced").fit(XL, L)
    with pytest.raises(TrainerError, match="penalty compares groups of one target"):
        NetworkRegressor().fit(X, Y, penalty=GapPenalty(groups=[0, 1] * 150, constraint="bounded-group-loss"))
    with pytest.raises(TrainerError, match="fitted on a target of 4"):
        NetworkClassifier(epochs=1, warm_start=True).fit(XL, L).fit(XL, L[:, 0])
    with pytest.raises(TrainerError, match="contains NaN"):
        NetworkRegressor().fit(X, Y.where(Y["height"] > 0))
    with pytest.raises(TrainerError, match="prune or quantize"):
        distill(LABELS, XL, (4,))


CONFIG = '[data]\ntrain = "train.csv"\ntarget = {target}\ntask = "{task}"\n[network]\nepochs = 2\n'


def test_a_configuration_names_several_targets(tmp_path: Path) -> None:
    pd.DataFrame(X).add_prefix("x").join(Y).to_csv(tmp_path / "train.csv", index=False)
    config = tmp_path / "train.toml"
    config.write_text(CONFIG.format(target='["height", "dose"]', task="regression"))
    model = load(fit_from_config(config))
    assert model.target_names_ == ("height", "dose")
    assert "dose" not in model.feature_names_in_
    config.write_text(CONFIG.format(target='["height", "dose"]', task="binary"))
    with pytest.raises(TrainerError, match="several labels of 0 and 1"):
        fit_from_config(config)
    config.write_text(CONFIG.format(target='"height"', task="multilabel"))
    with pytest.raises(TrainerError, match="a list of columns"):
        fit_from_config(config)
