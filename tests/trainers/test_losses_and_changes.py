"""Losses, activations, changes of rows, precision, rates and streams, each beside another library's or a formula."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits, make_classification, make_regression
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_squared_error

torch = pytest.importorskip("torch", reason="networks need the torch extra")

from torch.nn import functional  # noqa: E402

from trainers import NetworkClassifier, NetworkRegressor, TrainerError, load, save  # noqa: E402
from trainers.augmentation import augment, mix_rows  # noqa: E402
from trainers.baselines import constant_loss  # noqa: E402
from trainers.gradients import Rows, flatten, gradients_of, mean_loss  # noqa: E402
from trainers.loaders import image_batches, image_folder, table_batches  # noqa: E402
from trainers.losses import Objective, row_losses  # noqa: E402
from trainers.networks import NetworkSpec, build  # noqa: E402
from trainers.penalty import GapPenalty  # noqa: E402
from trainers.rates import find_rate  # noqa: E402
from trainers.settings import CHOICES  # noqa: E402

X, Y = make_classification(400, 8, n_informative=6, random_state=0)
XR, YR = make_regression(400, 5, noise=5.0, random_state=0)
DIGITS = load_digits(return_X_y=True)
SEED = torch.Generator().manual_seed(0)
OUTPUTS, NUMBERS = torch.randn(50, 1, generator=SEED), torch.randn(50, generator=SEED)


def test_losses_of_numbers_are_those_of_torch_and_scikit_learn() -> None:
    given, truth = OUTPUTS[:, 0].numpy(), NUMBERS.numpy()
    rows = Rows(OUTPUTS, NUMBERS, None)
    assert float(mean_loss(OUTPUTS, rows, Objective("regression", "quantile", 0.8))) == pytest.approx(
        mean_pinball_loss(truth, given, alpha=0.8), rel=1e-5
    )
    assert float(mean_loss(OUTPUTS, rows, Objective("regression", "absolute"))) == pytest.approx(
        mean_absolute_error(truth, given), rel=1e-5
    )
    huber = functional.huber_loss(OUTPUTS[:, 0], NUMBERS, delta=0.5)
    assert torch.allclose(mean_loss(OUTPUTS, rows, Objective("regression", "huber", 0.5)), huber)
    weights = torch.rand(50, generator=SEED)
    weighted = mean_loss(OUTPUTS, rows._replace(weights=weights), Objective("regression", "absolute"))
    assert torch.allclose(weighted, (weights * (OUTPUTS[:, 0] - NUMBERS).abs()).mean())


@pytest.mark.parametrize("classes", [1, 3])
def test_focal_loss_is_cross_entropy_without_focus_and_its_formula_with(classes: int) -> None:
    logits = torch.randn(40, classes, generator=SEED)
    task = "binary" if classes == 1 else "multiclass"
    y = torch.randint(0, max(2, classes), (40,), generator=SEED)
    targets = y.float() if classes == 1 else y
    plain = row_losses(logits, targets, Objective(task, "focal", 0.0))
    assert torch.allclose(plain, row_losses(logits, targets, task))
    shares = torch.cat([1 - logits.sigmoid(), logits.sigmoid()], dim=1) if classes == 1 else logits.softmax(dim=1)
    own = shares.gather(1, y[:, None])[:, 0]
    assert torch.allclose(row_losses(logits, targets, Objective(task, "focal", 2.0)), -((1 - own) ** 2) * own.log(),
        atol=1e-6)  # fmt: skip


def test_a_network_of_a_quantile_finds_it() -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (1500, 1))
    y = rows[:, 0] + rng.exponential(1.0, 1500)
    fits = {
        share: NetworkRegressor(
            loss="quantile", alpha=share, hidden=(16,), learning_rate=5e-3, epochs=60, random_state=0
        ).fit(rows, y)
        for share in (0.1, 0.9)
    }
    for share, model in fits.items():
        assert abs(float((y < model.predict(rows)).mean()) - share) < 0.05


def test_absolute_and_huber_loss_stand_outliers_that_squares_do_not() -> None:
    y = YR.copy()
    y[::20] += 5000.0
    clean = np.ones(len(y), dtype=bool)
    clean[::20] = False
    errors = {}
    for loss in ("auto", "absolute", "huber"):
        model = NetworkRegressor(loss=loss, alpha=0.1 if loss == "huber" else None, learning_rate=1e-2, epochs=60,
            random_state=0).fit(XR, y)  # fmt: skip
        errors[loss] = mean_squared_error(YR[clean], model.predict(XR[clean]))
    assert max(errors["absolute"], errors["huber"]) < errors["auto"] / 2


@pytest.mark.parametrize(
    ("loss", "alpha", "expected"),
    [("absolute", None, np.median(NUMBERS)), ("quantile", 0.8, np.quantile(NUMBERS, 0.8))],
)
def test_the_best_constant_has_the_loss_of_the_median_or_the_quantile(
    loss: str, alpha: float | None, expected: float
) -> None:
    objective = Objective("regression", loss, alpha)
    rows = Rows(OUTPUTS, NUMBERS, None)
    by_hand = float(mean_loss(torch.full((50, 1), float(expected)), rows, objective))
    assert constant_loss(rows, objective) == pytest.approx(by_hand, rel=1e-2)


def test_a_loss_of_the_other_task_is_refused_with_what_there_is() -> None:
    with pytest.raises(TrainerError, match=r"loss is 'huber'.*NetworkClassifier.*'focal'"):
        NetworkClassifier(loss="huber").fit(X, Y)
    with pytest.raises(TrainerError, match="expected a share between 0 and 1"):
        NetworkRegressor(loss="quantile", alpha=1.5).fit(XR, YR)
    with pytest.raises(TrainerError, match="Did you mean 'quantile'"):
        NetworkRegressor(loss="quantil").fit(XR, YR)


def test_a_focal_network_learns_is_saved_and_comes_back(tmp_path: Path) -> None:
    model = NetworkClassifier(loss="focal", alpha=1.0, epochs=30, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.85
    again = load(save(model, tmp_path / "focal.safetensors"))
    assert (again.loss, again.alpha) == ("focal", 1.0)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("activation", CHOICES["activation"])
def test_every_activation_learns(activation: Any) -> None:  # noqa: ANN401
    model = NetworkClassifier(activation=activation, hidden=(32,), learning_rate=1e-2, epochs=20, random_state=0)
    assert model.fit(X, Y).score(X, Y) > 0.8


def test_a_penalty_on_gaps_counts_with_every_loss_and_not_with_mixed_rows() -> None:
    groups = (X[:, 0] > 0).astype(int)
    gaps = {}
    for strength in (0.0, 30.0):
        model = NetworkClassifier(loss="focal", epochs=30, random_state=0)
        score = model.fit(X, Y, penalty=GapPenalty(groups=groups, strength=strength)).predict_proba(X)[:, 1]
        gaps[strength] = abs(score[groups == 1].mean() - score[groups == 0].mean())
    assert gaps[30.0] < gaps[0.0] / 2
    with pytest.raises(TrainerError, match="leave mixup out"):
        NetworkClassifier(augment={"mixup": 0.2}).fit(X, Y, penalty=GapPenalty(groups=groups, strength=1.0))


# --- changes of rows --------------------------------------------------------------------------------

PICTURES = torch.arange(2 * 3 * 9 * 9.0).view(2, 3, 9, 9)


def test_turned_pictures_are_those_of_torch_at_a_right_angle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.ones(*shape))
    turned = augment(PICTURES, [("rotate", 90.0)], SEED)
    either = (torch.rot90(PICTURES, 1, (2, 3)), torch.rot90(PICTURES, -1, (2, 3)))
    assert any(torch.allclose(turned, one, atol=1e-3) for one in either)


def test_a_crop_stays_within_the_picture_and_enlarges_it() -> None:
    ramp = torch.linspace(0, 1, 32).expand(64, 1, 32, 32)
    cut = augment(ramp, [("crop", 0.5)], torch.Generator().manual_seed(1))
    assert cut.shape == ramp.shape
    slopes = (cut[:, 0, 16, 20] - cut[:, 0, 16, 12]) / (ramp[:, 0, 16, 20] - ramp[:, 0, 16, 12])
    assert 0.49 < float(slopes.min()) < 0.6
    assert 0.9 < float(slopes.max()) <= 1.01
    assert torch.allclose(augment(ramp, [("crop", 1e-9)], SEED), ramp, atol=1e-4)


def test_mixing_mixes_classes_as_it_mixes_inputs() -> None:
    codes = torch.tensor([0, 1, 2, 1])
    rows = functional.one_hot(codes, 3).float()
    inputs, shares = mix_rows(rows, codes, 0.4, 3, torch.Generator().manual_seed(2))
    assert torch.allclose(inputs, shares)
    assert torch.allclose(shares.sum(dim=1), torch.ones(4))
    whole = functional.cross_entropy(rows, shares)
    assert torch.allclose(mean_loss(rows, Rows(rows, shares, None), "multiclass"), whole)


@pytest.mark.parametrize("changes", [{"mixup": 0.2}, {"rotate": 10.0, "crop": 0.2, "flip": 0.0}])
def test_changed_pictures_are_learned_from_with_the_same_bits(changes: dict[str, float]) -> None:
    images, digits = DIGITS[0].reshape(-1, 1, 8, 8)[:500], DIGITS[1][:500]
    made = [
        NetworkClassifier(network="cnn", augment=changes, epochs=12, learning_rate=3e-3, random_state=0).fit(
            images, digits
        )
        for _ in range(2)
    ]
    assert made[0].score(images, digits) > 0.85
    np.testing.assert_array_equal(made[0].predict_proba(images), made[1].predict_proba(images))


def test_mixing_works_on_tables_of_two_classes_and_of_numbers() -> None:
    assert NetworkClassifier(augment={"mixup": 0.3}, epochs=30, random_state=0).fit(X, Y).score(X, Y) > 0.85
    model = NetworkRegressor(augment={"mixup": 0.1}, learning_rate=1e-2, epochs=40, random_state=0).fit(XR, YR)
    assert model.score(XR, YR) > 0.8


# --- precision, rates, streams ----------------------------------------------------------------------


def test_mixed_precision_has_about_the_gradients_of_the_full_one() -> None:
    spec = NetworkSpec(kind="mlp", input_shape=(8,), outputs=1, hidden=(16, 16), activation="gelu")
    rows = Rows(torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32), None)
    found = []
    for precision in (False, True):
        network = build(spec, torch.Generator().manual_seed(0))
        flat = flatten(network)
        seen: list[Any] = []
        handle = next(iter(network.children())).register_forward_hook(
            lambda _, __, answer, seen=seen: seen.append(answer.dtype)
        )
        gradients_of(network, flat, "binary", mixed=precision)(rows)
        handle.remove()
        assert seen == [torch.bfloat16 if precision else torch.float32]
        found.append(torch.cat([one.grad for one in (*flat.matrices, *flat.vectors) if one.grad is not None]))
    assert float((found[0] - found[1]).norm() / found[0].norm()) < 0.02
    assert not torch.equal(found[0], found[1])
    model = NetworkClassifier(precision="mixed", epochs=20, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.85
    assert next(model.network_.parameters()).dtype == torch.float32


def test_the_rate_that_is_found_trains_and_the_model_is_left_alone() -> None:
    model = NetworkClassifier(epochs=15, random_state=0)
    found = find_rate(model, *DIGITS)
    assert not hasattr(model, "network_")
    assert 1e-4 < found.suggested < 0.1
    assert min(found.losses) < found.losses[0] / 2
    assert model.set_params(learning_rate=found.suggested).fit(*DIGITS).score(*DIGITS) > 0.95
    with pytest.raises(TrainerError, match="0 < low < high"):
        find_rate(model, *DIGITS, low=1.0, high=0.1)


def test_a_folder_of_pictures_is_read_a_part_at_a_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label, light in (("dark", 40), ("light", 180)):
        (tmp_path / label).mkdir()
        for number in range(30):
            pixels = rng.integers(light, light + 60, (9, 11), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{number:02d}.png")
    whole = image_folder(tmp_path, size=(8, 8))
    parts = list(image_batches(tmp_path, size=(8, 8), rows=16, seed=3))
    assert [len(part.y) for part in parts] == [16, 16, 16, 12]
    places = [whole.files.index(name) for part in parts for name in part.files]
    assert sorted(places) == list(range(60)) != places
    np.testing.assert_array_equal(np.concatenate([part.X for part in parts]), whole.X[places])
    model = NetworkClassifier(network="cnn", channels=(4,), learning_rate=1e-2, random_state=0)
    for epoch in range(4):
        for part in image_batches(tmp_path, size=(8, 8), rows=16, seed=epoch):
            model.partial_fit(part.X, part.y, classes=["dark", "light"])
    assert model.score(whole.X, whole.y) > 0.95


def test_a_parquet_file_is_read_a_part_at_a_time(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    table = pd.DataFrame(X, columns=[f"x{k}" for k in range(8)]).assign(y=Y)
    table.to_parquet(tmp_path / "t.parquet")
    parts = list(table_batches(tmp_path / "t.parquet", target="y", rows=150))
    assert [len(y) for _, y in parts] == [150, 150, 100]
    pd.testing.assert_frame_equal(pd.concat([part for part, _ in parts], ignore_index=True), table.drop(columns="y"))
    with pytest.raises(TrainerError, match="column 'z' is not in"):
        list(table_batches(tmp_path / "t.parquet", target="z"))
    with pytest.raises(TrainerError, match="no file"):
        list(table_batches(tmp_path / "u.parquet", target="y"))
