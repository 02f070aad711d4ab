"""Folders of images: read as tables of pixels, or refused with what to do."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from PIL import Image
from sklearn.linear_model import LogisticRegression

from audit.cli import main
from audit.config.loading import read_rows
from audit.data.images import read_images
from audit.data.reading import Reading
from audit.errors import DataError
from reports import store
from trainers.errors import TrainerError
from trainers.loaders import image_folder


def _folder(root: Path, seed: int, each: int = 40, *, color: bool = False) -> Path:
    """Write light and dark images of 6 by 5 pixels."""
    rng = np.random.default_rng(seed)
    for label, level in (("dark", 90), ("light", 140)):
        (root / label).mkdir(parents=True)
        for number in range(each):
            pixels = np.clip(rng.normal(level, 40, size=(6, 5, 3) if color else (6, 5)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / label / f"{number:03d}.png")
    return root


def test_pixels_stand_channel_by_channel(tmp_path: Path) -> None:
    frame, shape = read_images(_folder(tmp_path / "a", 0, each=2, color=True))
    assert shape == (3, 6, 5)
    assert frame["label"].tolist() == ["dark", "dark", "light", "light"]
    with Image.open(tmp_path / "a" / "dark" / "000.png") as image:
        expected = np.moveaxis(np.asarray(image), -1, 0)
    assert np.array_equal(frame.iloc[0, :-1].to_numpy(dtype=np.uint8).reshape(shape), expected)


def test_grey_images_have_one_channel_unless_one_is_colored(tmp_path: Path) -> None:
    assert read_images(_folder(tmp_path / "a", 0, each=2))[1] == (1, 6, 5)
    Image.new("RGB", (5, 6), (255, 0, 0)).save(tmp_path / "a" / "dark" / "red.png")
    assert read_images(tmp_path / "a")[1] == (3, 6, 5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I"])
def test_a_picture_is_the_same_numbers_however_it_is_stored(tmp_path: Path, mode: str, channels: int) -> None:
    """Black, white and shades of grey; both doors read them alike."""
    grey = np.tile(np.array([[0, 255]] if mode == "1" else [[0, 51, 204, 255]], dtype=np.uint8), (3, 1))
    folder = tmp_path / "pictures" / "a"
    folder.mkdir(parents=True)
    if mode in ("I;16", "I"):
        deep = grey.astype(np.uint16 if mode == "I;16" else np.int32) * 257
        Image.fromarray(deep).save(folder / ("p.png" if mode == "I;16" else "p.tif"))
    else:
        Image.fromarray(grey).convert(mode).save(folder / ("p.tif" if mode == "CMYK" else "p.png"))
    height, width = grey.shape
    read = read_images(tmp_path / "pictures", (channels, height, width))[0].iloc[0, :-1].to_numpy(dtype=np.uint8)
    assert np.array_equal(read.reshape(channels, height, width), np.broadcast_to(grey, (channels, height, width)))
    taught = image_folder(tmp_path / "pictures", size=(height, width), channels=channels).X
    assert np.array_equal(taught[0], read.reshape(taught.shape[1:]))


def test_folders_without_pictures_and_pictures_without_a_folder_are_told(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "a", 0, each=4)
    (folder / "empty").mkdir()
    (folder / "dark" / "000.png").rename(folder / "loose.PNG")
    with pytest.warns(UserWarning, match=r"'a': left out 'empty' without a picture.* and 'loose.PNG' in no folder"):
        assert set(image_folder(folder).y) == {"dark", "light"}
    tables, _ = read_rows({"test": folder}, Reading(), None)
    assert any("left out 'empty'" in note for note in tables.notes)


def test_a_task_of_two_classes_wants_two_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _folder(tmp_path / "a", 0, each=4)
    (folder / "third").mkdir()
    (folder / "dark" / "000.png").rename(folder / "third" / "0.png")
    recipe = tmp_path / "train.toml"
    for task, text in (
        ("binary", "'a' has pictures of 3 classes; expected 2"),
        ("regression", "names of their folders"),
    ):
        recipe.write_text(f'[data]\nimages = "a"\ntask = "{task}"\n[network]\nnetwork = "cnn"\n')
        assert main(["train", str(recipe)]) == 2
        assert text in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_network_of_pictures_is_exported_and_served_by_their_folder(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    from audit.deploy.service import open_model
    from trainers import NetworkClassifier, save

    folder = _folder(tmp_path / "a", 0)
    images = image_folder(folder)
    settings: dict[str, Any] = {"network": "cnn", "channels": (2,), "hidden": (4,), "epochs": 2, "random_state": 0}
    model = NetworkClassifier(**settings).fit(images.X, images.y)
    path = save(model, tmp_path / "m.safetensors")
    description, served = open_model(path, data=folder)
    assert [column.name for column in description.columns] == [f"x{place:02d}" for place in range(30)]
    assert description.classes == ("dark", "light")
    out = tmp_path / "out"
    out.mkdir()
    assert main(["export", str(path), "--data", str(folder), "--out", str(out / "m.onnx")]) == 0
    again, exported = open_model(out / "model.json", data=None)
    assert again.parity["rows"] == 80
    rows = read_images(folder)[0].drop(columns="label").to_numpy()
    given: Any = (served.predictor, exported.predictor)
    for predictor in given:
        np.testing.assert_allclose(predictor.predict_proba(rows), model.predict_proba(images.X), atol=1e-5)


def test_hidden_folders_and_files_are_no_labels(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "a", 0, each=2)
    (folder / ".ipynb_checkpoints").mkdir()
    for name in (".ipynb_checkpoints/000.png", "dark/._000.png"):
        (folder / name).write_bytes(b"no picture")
    assert read_images(folder)[0]["label"].tolist() == ["dark", "dark", "light", "light"]
    assert image_folder(folder).y.tolist() == ["dark", "dark", "light", "light"]


def test_pictures_of_floating_point_numbers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(tmp_path / "a" / "p.tif")
    with pytest.raises(DataError, match="mode F; expected 8 or 16 bits"):
        read_images(tmp_path)
    with pytest.raises(TrainerError, match="mode F; expected 8 or 16 bits"):
        image_folder(tmp_path)


def test_what_is_no_folder_of_images_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        read_images(tmp_path / "empty")
    folder = _folder(tmp_path / "a", 0, each=2)
    Image.new("L", (9, 9)).save(folder / "dark" / "large.png")
    with pytest.raises(DataError, match=r"large\.png.*9 × 9 pixels, others.*shape = \[1, 6, 5\]"):
        read_images(folder)
    assert read_images(folder, (3, 4, 4))[0].shape == (5, 49)
    (folder / "dark" / "large.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"cannot read .*large\.png"):
        read_images(folder)


def test_a_folder_is_audited_from_init_to_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame, _ = read_images(_folder(tmp_path / "train", 0))
    _folder(tmp_path / "test", 1)
    model = LogisticRegression(max_iter=500).fit(frame.drop(columns="label") / 1.0, frame["label"])
    skops.io.dump(model, tmp_path / "model.skops")
    asked = ["--model", "model.skops", "--train", "train", "--test", "test", "--target", "label", "--positive", "light"]
    assert main(["init", *asked]) == 0
    written = (tmp_path / "audit.toml").read_text()
    assert tomllib.loads(written)["data"]["shape"] == [1, 6, 5]
    (tmp_path / "audit.toml").write_text(written + '\n[checks]\nselect = ["skill", "corruption_sensitivity"]\n')
    assert main(["run", "audit.toml"]) in (0, 3)
    record = store.load(tmp_path / "audit-report" / "audit.json")
    assert {one.check: one.outcome for one in record.findings} == {
        "skill": "measured",
        "corruption_sensitivity": "measured",
    }
    assert all(len(split.sha256) == 64 for split in record.data.splits)


def test_a_folder_without_its_shape_names_the_lines_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _folder(tmp_path / "test", 1, each=2)
    (tmp_path / "audit.toml").write_text('[data]\ntest = "test"\ntarget = "label"\nprediction = "label"\n')
    assert main(["run", "audit.toml"]) == 2
    assert 'modality = "image" and shape = [1, 6, 5]' in " ".join(capsys.readouterr().err.split())
