"""Time steps, channels and attention: what networks of series and images are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pandas as pd
import pytest

from audit.checks.attention import attention
from audit.checks.feature_visualization import feature_visualization
from audit.checks.sequence_explanations import sequence_explanations
from audit.data.dataset import Roles, build
from audit.errors import ConfigError, NotApplicable
from audit.evidence import Predictions, Settings
from audit.explain.attention import AttentionMap, attention_weights, relative_entropy
from audit.explain.exact import exact_shapley
from audit.explain.gradients import network_of
from audit.explain.steps import SequenceExplanations, step_shapley
from audit.explain.visualization import Visualization, mean_activations
from audit.gather import Context
from audit.models.load import wrap
from trainers import NetworkClassifier

torch = pytest.importorskip("torch")
RNG = np.random.default_rng
Fitted = Callable[[str], Context]
STEPS = 8


def context_of(model: object, X: np.ndarray, y: np.ndarray) -> Context:
    frame = pd.DataFrame(X.reshape(len(X), -1), columns=[f"x{k:03d}" for k in range(X[0].size)])
    frame["y"] = y
    half = len(X) // 2
    data = build({"train": frame[:half], "test": frame[half:]}, Roles(target="y", task="binary", positive=1))
    train = data.rows("train")
    model.fit(data.inputs(train), data.frame["y"].take(train))  # type: ignore[attr-defined]
    return Context(model=wrap(model), dataset=data, settings=Settings(), seed=0)


def series(network: str) -> Context:
    X = RNG(0).normal(size=(400, STEPS, 2))
    y = (X[:, 5, 0] + 0.3 * X[:, 2, 1] > 0).astype(int)
    model = NetworkClassifier(
        network=network, input_shape=(STEPS, 2), units=16, heads=2, epochs=30, learning_rate=0.01, random_state=0
    )
    return context_of(model, X, y)


def test_steps_have_the_values_of_grouped_enumeration() -> None:
    rng = RNG(0)
    rows, background = rng.normal(size=(3, 8)), rng.normal(size=(5, 8))

    def score(Z: np.ndarray) -> np.ndarray:
        shaped = Z.reshape(-1, 4, 2)
        return np.asarray(shaped[:, 0, 0] * shaped[:, 1, 1] + shaped[:, 2].sum(axis=1))

    found = step_shapley(score, rows, background, 4, generator=rng, pairs=2000)

    def grouped(place: int) -> np.ndarray:
        pool = np.concatenate([rows[place : place + 1], background]).reshape(6, 4, 2)

        def of_sources(Z: np.ndarray) -> np.ndarray:
            return score(pool[Z.astype(int), np.arange(4)].reshape(len(Z), -1))

        behind = np.repeat(np.arange(1.0, 6.0)[:, None], 4, axis=1)
        return np.asarray(exact_shapley(of_sources, np.zeros((1, 4)), behind).values[0])

    for place in range(3):
        assert found.values[place] == pytest.approx(grouped(place), abs=0.05)
    assert np.abs(found.values[:, 3]).max() < 1e-12


@pytest.mark.parametrize("network", ["gru", "cnn"])
def test_the_step_that_decides_is_found(network: str) -> None:
    context = series(network)
    found = cast("SequenceExplanations", context.need("sequence_explanations"))
    measured = sequence_explanations(found, cast("Predictions", context.need("predictions")))
    assert measured.summary.startswith("Step 6 of 8")
    assert len(measured.estimates) == STEPS
    assert any(exhibit.kind == "table" for exhibit in measured.exhibits)
    for case in found.cases:
        assert case.shap.sum() + case.base == pytest.approx(case.output, abs=1e-4)
    hidden = sequence_explanations(found, cast("Predictions", context.need("predictions")), values=False)
    assert len(hidden.exhibits) == 1


def test_any_model_can_be_told_the_shape_of_its_series(fitted: Fitted) -> None:
    from audit.gather.sequence_explanations import gather

    found = gather(fitted("logistic"), shape=[2, 2], rows=5)
    assert found.sample.shape == (5, 2)
    with pytest.raises(ConfigError, match="number of columns"):
        gather(fitted("logistic"), shape=[3, 3])
    with pytest.raises(NotApplicable, match="models that read sequences"):
        gather(fitted("logistic"))


def test_attention_is_what_the_transformer_computes() -> None:
    context = series("transformer")
    maps = cast("tuple[AttentionMap, ...]", context.need("attention"))
    assert len(maps) == 1
    assert maps[0].weights.shape == (STEPS, STEPS)
    assert maps[0].weights.sum(axis=1) == pytest.approx(np.ones(STEPS))
    assert ((maps[0].entropy > 0) & (maps[0].entropy <= 1)).all()
    measured = attention(maps)
    assert "not what drives the output" in measured.summary
    assert [exhibit.kind for exhibit in measured.exhibits] == ["matrix", "table"]


def test_attention_weights_reproduce_the_layer() -> None:
    from trainers.layers import EncoderLayer

    torch.manual_seed(0)
    layer = EncoderLayer(8, 2, 0.0, torch.nn.ReLU).eval()
    inputs = torch.randn(3, 5, 8)
    (weights,) = attention_weights(layer, lambda: layer(inputs, None))
    qkv = layer.attention(layer.attention_norm(inputs)).view(3, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
    expected = torch.nn.functional.scaled_dot_product_attention(qkv[0], qkv[1], torch.eye(5).expand(3, 2, 5, 5))
    assert weights == pytest.approx(expected.detach().numpy(), abs=1e-5)


def test_words_label_the_attention_of_texts() -> None:
    texts = [f"free prize call now {k}" if k % 2 else f"see you at home {k}" for k in range(80)]
    frame = pd.DataFrame({"text": texts, "y": [k % 2 for k in range(80)]})
    data = build({"train": frame[:40], "test": frame[40:]}, Roles(target="y", task="binary", positive=1))
    model = NetworkClassifier(network="transformer", tokens="word", units=8, heads=2, epochs=2, random_state=0)
    model.fit(data.inputs(data.rows("train")), data.frame["y"].take(data.rows("train")))
    context = Context(model=wrap(model), dataset=data, settings=Settings())
    maps = cast("tuple[AttentionMap, ...]", context.need("attention"))
    assert len(maps) == 2
    assert {"call", "see"} & set(maps[0].labels)
    assert len(attention(maps, values=False).exhibits) == 1


def test_a_model_without_attention_has_no_maps(fitted: Fitted) -> None:
    with pytest.raises(NotApplicable, match="Transformer"):
        fitted("logistic").need("attention")
    with pytest.raises(NotApplicable, match="no attention layer"):
        series("gru").need("attention")


def test_attention_on_one_step_has_no_entropy() -> None:
    assert relative_entropy(np.eye(4)[None, None]).tolist() == [0.0]
    assert relative_entropy(np.ones((1, 2, 1, 1))).tolist() == [0.0, 0.0]


def images() -> Context:
    X = RNG(0).random((240, 1, 10, 10))
    y = (RNG(1).random(240) < 0.5).astype(int)
    X[y == 1, 0, :, 4:6] += 1
    model = NetworkClassifier(
        network="cnn", input_shape=(1, 10, 10), channels=(4, 6), hidden=(8,), epochs=10, random_state=0
    )
    return context_of(model, X, y)


def test_made_inputs_drive_their_channels_more_than_real_images() -> None:
    context = images()
    found = cast("Visualization", context.need("feature_visualization"))
    assert found.filters.shape == (4, 1, 3, 3)
    assert found.maximized.shape == (6, 1, 10, 10)
    assert found.strongest.shape == (6, 4, 1, 10, 10)
    assert (np.diff(found.activation, axis=1) <= 1e-9).all()
    assert (found.reached > found.activation[:, 0]).mean() > 0.8
    assert found.total == 6


def test_strongest_images_are_those_of_the_network() -> None:
    context = images()
    found = cast("Visualization", context.need("feature_visualization"))
    network = network_of(context.require_model().predictor, task="binary", column=1)
    assert network is not None
    layer = [one for one in network.module.modules() if isinstance(one, torch.nn.Conv2d)][-1]
    with torch.no_grad():
        inputs = network.prepare(found.strongest[0].reshape(4, -1))
        answers = mean_activations(network, inputs, layer)[:, found.channels[0]]
    assert found.activation[0] == pytest.approx(answers.numpy(), rel=1e-4)


def test_pictures_have_words_and_stay_small() -> None:
    measured = feature_visualization(cast("Visualization", images().need("feature_visualization")))
    pictures = [exhibit for exhibit in measured.exhibits if exhibit.kind == "image"]
    assert len(pictures) == 3
    assert all(len(one.alt) > 20 for one in pictures)
    assert sum(len(one.png_base64) for one in pictures) < 100_000


def test_channels_are_asked_of_convolutions_alone(fitted: Fitted) -> None:
    with pytest.raises(NotApplicable, match="convolutional networks"):
        fitted("network").need("feature_visualization")
