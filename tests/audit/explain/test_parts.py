"""Words of texts and patches of images: taken away, told in words, drawn as PNG."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from typing import cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from audit.checks.image_explanations import image_explanations
from audit.checks.text_explanations import text_explanations
from audit.data.dataset import Roles, build
from audit.errors import ConfigError, NotApplicable
from audit.evidence import Absence, Predictions, Settings
from audit.explain.gradients import Network
from audit.explain.parts import explain_parts, sample_masks
from audit.explain.pixels import ImageExplanations, concentration, overlay, patches, png, strip, where_in_words
from audit.explain.saliency import hires_cam
from audit.explain.words import Pieces, TextExplanations
from audit.gather import Context
from audit.models.load import wrap
from trainers import NetworkClassifier

RNG = np.random.default_rng
Fitted = Callable[[str], Context]


@given(st.text(max_size=200), st.integers(1, 20))
def test_a_whole_text_comes_back_and_nothing_is_left_of_none(text: str, most: int) -> None:
    pieces = Pieces.of(text, most=most)
    count = len(pieces.words)
    assert 1 <= count <= most
    assert pieces.without((1,) * count) == text
    assert pieces.without((0,) * count) == ""


def test_shapley_and_lime_of_parts_know_a_sum() -> None:
    weights = np.array([3.0, -2.0, 0.0, 1.0, 0.5, 0.0, 0.0, 1.0, -1.0, 2.0])
    found = explain_parts(lambda Z: Z @ weights, 10, generator=RNG(0), samples=3000)
    assert found.shap == pytest.approx(weights)
    assert found.base == 0
    assert found.output == weights.sum()
    assert np.corrcoef(found.lime, weights)[0, 1] > 0.99


def test_lime_weights_of_words_are_the_packages() -> None:
    text_package = pytest.importorskip("lime.lime_text")
    words = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
    names = words.split()

    def from_masks(Z: np.ndarray) -> np.ndarray:
        return np.asarray(2 * Z[:, 0] - Z[:, 1] + Z[:, 2] * Z[:, 3])

    def from_texts(texts: list[str]) -> np.ndarray:
        masks = np.array([[name in text.split() for name in names] for text in texts], dtype=float)
        score = from_masks(masks)
        return np.column_stack([-score, score])

    explainer = text_package.LimeTextExplainer(random_state=0, bow=True)
    theirs = dict(explainer.explain_instance(words, from_texts, num_features=10, num_samples=5000).as_list())
    ours = explain_parts(from_masks, 10, generator=RNG(0), samples=5000).lime
    assert np.corrcoef(ours, [theirs[name] for name in names])[0, 1] > 0.98


def test_lime_weights_of_patches_are_the_packages() -> None:
    image_package = pytest.importorskip("lime.lime_image")
    grid = patches(12, 12, most=3)
    image = RNG(1).random((12, 12, 3)) + 1
    weights = np.arange(9.0) - 3

    def from_masks(Z: np.ndarray) -> np.ndarray:
        return np.asarray(Z @ weights + 2 * Z[:, 0] * Z[:, 4])

    def from_images(images: np.ndarray) -> np.ndarray:
        masks = np.array([[(one[grid == part] > 0).all() for part in range(9)] for one in images], dtype=float)
        return np.column_stack([from_masks(masks), np.zeros(len(images))])

    explainer = image_package.LimeImageExplainer(random_state=0)
    found = explainer.explain_instance(
        image,
        from_images,
        labels=(0,),
        top_labels=None,
        hide_color=0,
        num_samples=4000,
        segmentation_fn=lambda _: grid,
    )
    theirs = dict(found.local_exp[0])
    ours = explain_parts(from_masks, 9, generator=RNG(0), samples=4000, coins=True).lime
    assert np.corrcoef(ours, [theirs[part] for part in range(9)])[0, 1] > 0.98
    assert ours == pytest.approx([theirs[part] for part in range(9)], abs=0.15 * np.abs(ours).max())


def test_masks_take_away_every_number_of_parts() -> None:
    masks = sample_masks(4, 2000, RNG(0))
    assert masks[0].all()
    assert np.bincount(masks[1:].sum(axis=1).astype(int)).tolist()[:4] == pytest.approx([500] * 4, abs=80)


def texts() -> Context:
    rng = RNG(0)
    filler = ["the", "a", "we", "you", "and", "went", "home", "today", "again", "late"]
    rows = [" ".join(rng.choice([*filler, "free", "prize"], size=8)) + f" {k}" for k in range(300)]
    frame = pd.DataFrame({"message": rows, "spam": ["yes" if "free" in row else "no" for row in rows]})
    data = build({"train": frame[:200], "test": frame[200:]}, Roles(target="spam", task="binary", positive="yes"))
    model = make_pipeline(make_column_transformer((CountVectorizer(), "message")), LogisticRegression())
    model.fit(data.inputs(data.rows("train")), data.frame["spam"].take(data.rows("train")))
    return Context(model=wrap(model), dataset=data, settings=Settings(), seed=0)


def test_the_word_that_decides_is_found() -> None:
    context = texts()
    found = cast("TextExplanations", context.need("text_explanations"))
    measured = text_explanations(found, cast("Predictions", context.need("predictions")))
    bars = measured.exhibits[0]
    assert bars.kind == "bars"
    assert bars.bars[0].label.startswith("free")
    assert bars.bars[0].value > 0
    assert measured.estimates[0].value is not None
    assert measured.estimates[0].value > 0.5
    for case in found.cases:
        assert case.shap.sum() + case.base == pytest.approx(case.output)
    hidden = text_explanations(found, cast("Predictions", context.need("predictions")), values=False)
    assert all(exhibit.kind == "bars" for exhibit in hidden.exhibits)


def test_a_text_is_no_table_of_one_column() -> None:
    context = texts()
    for name in ("attributions", "lime", "dependence", "local_cases", "shuffled"):
        found = context(name)
        assert isinstance(found, Absence)
        assert found.outcome == "not_applicable"
        assert "the model reads texts" in found.reason


def test_a_table_without_texts_has_none(fitted: Fitted) -> None:
    with pytest.raises(NotApplicable, match="reads no text column"):
        fitted("logistic").need("text_explanations")


def images() -> Context:
    rng = RNG(0)
    pixels = rng.random((240, 1, 12, 12)) * 0.3
    bright = rng.random(240) < 0.5
    pixels[bright, 0, 1:4, 8:11] += 0.7
    frame = pd.DataFrame(pixels.reshape(240, -1), columns=[f"p{k:03d}" for k in range(144)])
    frame["y"] = bright.astype(int)
    data = build({"train": frame[:160], "test": frame[160:]}, Roles(target="y", task="binary", positive=1))
    train = data.rows("train")
    model = NetworkClassifier(
        network="cnn",
        input_shape=(1, 12, 12),
        channels=(4,),
        hidden=(8,),
        epochs=25,
        learning_rate=0.01,
        random_state=0,
    )
    model.fit(data.inputs(train), data.frame["y"].take(train))
    return Context(model=wrap(model), dataset=data, settings=Settings(), seed=0)


def test_the_corner_that_decides_is_found() -> None:
    pytest.importorskip("torch")
    context = images()
    found = cast("ImageExplanations", context.need("image_explanations"))
    typical = next(case for case in found.cases if "typical of 1" in case.why)
    assert set(typical.maps) == {"integrated gradients", "HiResCAM", "occlusion", "SHAP of patches", "LIME of patches"}
    for name in ("integrated gradients", "occlusion", "SHAP of patches", "LIME of patches"):
        values = typical.maps[name]
        inside = values[0:5, 7:12]
        assert inside.sum() > 0.6 * values.sum() > 0, name
    assert typical.residual is not None
    assert typical.residual < 0.01
    measured = image_explanations(found)
    pictures = [exhibit for exhibit in measured.exhibits if exhibit.kind == "image"]
    assert len(pictures) == len(found.cases)
    assert "upper right" in pictures[found.cases.index(typical)].alt
    assert sum(len(one.png_base64) for one in pictures) < 200_000


def test_a_class_that_the_last_layer_only_lowers_has_a_map_that_adds_up() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding="same"), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        torch.nn.Linear(3, 1),
    )  # fmt: skip
    with torch.no_grad():
        module[4].weight.copy_(-module[4].weight.abs())
    network = Network(module=module.double(), shape=(1, 6, 6), center=None, scale=None, column=None)
    rows = RNG(0).random((4, 36))
    found = hires_cam(network, rows)
    assert found is not None
    assert (found <= 0).all()
    assert (found < 0).any(axis=(1, 2)).all()
    assert np.allclose(found.sum(axis=(1, 2)) + module[4].bias.item(), network.score(rows))


def test_a_map_that_does_not_add_up_is_left_out() -> None:
    from dataclasses import replace

    pytest.importorskip("torch")
    found = cast("ImageExplanations", images().need("image_explanations"))
    broken = replace(found, cases=tuple(replace(case, residual=0.5) for case in found.cases))
    measured = image_explanations(broken)
    assert "did not add up and are left out" in measured.summary
    captions = [exhibit.caption for exhibit in measured.exhibits if exhibit.kind == "image"]
    assert captions
    assert all("integrated gradients" not in caption for caption in captions)


def test_any_model_can_be_told_the_shape(fitted: Fitted) -> None:
    from dataclasses import replace

    context = replace(fitted("logistic"), options={"image_explanations": {"shape": [1, 2, 2]}})
    found = cast("ImageExplanations", context.need("image_explanations"))
    assert "HiResCAM" not in found.cases[0].maps
    assert image_explanations(found).exhibits
    with pytest.raises(NotApplicable, match="models that read images"):
        fitted("logistic").need("image_explanations")
    from audit.gather.image_explanations import gather

    with pytest.raises(ConfigError, match="number of columns"):
        gather(fitted("logistic"), shape=[3, 3, 3])


@given(st.integers(1, 9), st.integers(1, 9))
def test_png_holds_the_pixels(height: int, width: int) -> None:
    pixels = RNG(0).integers(0, 256, size=(height, width, 3)).astype(np.uint8)
    data = base64.b64decode(png(pixels))
    assert np.array_equal(np.asarray(Image.open(BytesIO(data))), pixels)


def test_maps_are_told_in_words() -> None:
    spot = np.zeros((9, 9))
    assert where_in_words(spot) == "nowhere"
    assert concentration(spot) == 0
    spot[8, 0] = -1
    assert where_in_words(spot) == "lower left"
    colored = overlay(np.zeros((1, 9, 9)), spot, 0, 1)
    assert colored[8, 0].tolist() == [0, 90, 181]
    assert strip([colored] * 3, zoom=2, columns=2).shape == (38, 38, 3)
    assert patches(3, 3, most=7).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
