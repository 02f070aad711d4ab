"""A torch module of one's own: every form of output gives the right classes, attributions and attacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import audit
from audit.cli import main
from audit.data.dataset import Roles, build
from audit.errors import ModelError
from audit.explain.gradients import integrated_gradients, network_of
from audit.gather.adversarial import _gradient
from audit.models.answers import learn_labels
from audit.models.load import Model, load, with_output, wrap
from audit.models.torch_modules import TorchModel

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    torch = pytest.importorskip("torch", reason="torch modules need the torch extra")
    from torch import nn

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(120, 3)), columns=["a", "b", "c"])
SLOPE = np.array([2.0, -1.0, 0.5])
MARGIN = X.to_numpy() @ SLOPE
LABELS = np.where(MARGIN > 0, "yes", "no")


class Named(NamedTuple):
    """What a module with two heads gives."""

    hidden: torch.Tensor
    logits: torch.Tensor


class Plain(nn.Module):
    """A linear logit, given in one of many forms."""

    def __init__(self, form: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.line = nn.Linear(3, 1)
        self.form = form
        with torch.no_grad():
            self.line.weight.copy_(torch.tensor(SLOPE[None]))
            self.line.bias.zero_()

    def forward(self, rows: torch.Tensor) -> Any:  # noqa: ANN401
        return self.form(self.line(rows))


def both(z: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.zeros_like(z) + 3.0, z + 3.0], dim=1)


FORMS: dict[str, tuple[Callable[[torch.Tensor], Any], str]] = {
    "one logit": (lambda z: z, "auto"),
    "flat logit": (lambda z: z[:, 0], "logits"),
    "two logits": (both, "auto"),
    "log-softmax": (lambda z: both(z).log_softmax(dim=1), "auto"),
    "dict": (lambda z: {"hidden": z * 7, "logits": both(z)}, "auto"),
    "tuple": (lambda z: (both(z), z), "logits"),
    "loss and logits": (lambda z: (z.mean(), both(z)), "logits"),
    "named tuple": (lambda z: Named(hidden=z * 7, logits=both(z)), "logits"),
    "one probability": (torch.sigmoid, "probabilities"),
    "two probabilities": (lambda z: both(z).softmax(dim=1), "auto"),
}


def bound(module: nn.Module, output: str, y: Any = LABELS, **roles: Any) -> tuple[Model, Any]:  # noqa: ANN401
    model = with_output(wrap(module), output=output)
    data = build({"test": X.assign(y=y)}, Roles(target="y", **({"positive": "yes"} | roles)))
    learn_labels(model, data)
    return model, data


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_two_classes_means_the_same(name: str) -> None:
    form, output = FORMS[name]
    model, _ = bound(Plain(form), output)
    found: Any = model.predictor
    assert found.predict(X).tolist() == LABELS.tolist()
    np.testing.assert_allclose(found.predict_proba(X)[:, 1], 1 / (1 + np.exp(-MARGIN)), rtol=1e-4)
    for column, sign in ((1, 1.0), (0, -1.0)):
        network = network_of(found, task="binary", column=column)
        assert network is not None
        rows = X.to_numpy()[:5]
        values = integrated_gradients(network, rows, np.zeros(3)).values
        np.testing.assert_allclose(values, sign * rows * SLOPE, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", FORMS)
def test_attacks_climb_the_true_loss(name: str) -> None:
    form, output = FORMS[name]
    found: Any = bound(Plain(form), output)[0].predictor
    rows, truth = X.to_numpy()[:6], np.array([0, 1, 0, 1, 1, 0])

    def loss(values: np.ndarray) -> np.ndarray:
        shares = found.predict_proba(pd.DataFrame(values, columns=X.columns))
        return np.asarray(-np.log(shares[np.arange(6), truth]))

    _, slope = _gradient(found, rows, truth)
    for place in range(3):
        step = np.zeros(3)
        step[place] = 1e-2
        differences = (loss(rows + step) - loss(rows - step)) / 2e-2
        np.testing.assert_allclose(slope[:, place], differences, rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("form", [lambda z: z, lambda z: z.softmax(dim=1), lambda z: {"logits": z}])
def test_many_classes(form: Callable[[torch.Tensor], Any]) -> None:
    torch.manual_seed(0)
    inner = nn.Linear(3, 4)
    weights = inner.weight.detach().numpy().astype(float)

    class Many(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, rows: torch.Tensor) -> Any:  # noqa: ANN401
            return form(self.inner(rows))

    logits = X.to_numpy() @ weights.T + inner.bias.detach().numpy()
    y = np.array(["d", "b", "c", "a"])[logits.argmax(axis=1)]
    y[:4] = ["a", "b", "c", "d"]
    model, _ = bound(Many(), "auto", y, positive=None, task="multiclass")
    found: Any = model.predictor
    assert found.classes_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(found.predict(X), np.array(["a", "b", "c", "d"])[logits.argmax(axis=1)])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.predict_proba(X), shares, rtol=1e-4, atol=1e-6)
    network = network_of(found, task="multiclass", column=2)
    assert network is not None
    odds = np.log(shares[:, 2] / (1 - shares[:, 2]))
    np.testing.assert_allclose(network.score(X.to_numpy()), odds, rtol=1e-3, atol=1e-4)


def test_stated_classes_say_the_order_of_outputs() -> None:
    model = with_output(wrap(Plain(both)), classes=["yes", "no"])
    data = build({"test": X.assign(y=LABELS)}, Roles(target="y", positive="yes"))
    learn_labels(model, data)
    found: Any = model.predictor
    assert found.predict(X).tolist() == np.where(LABELS == "yes", "no", "yes").tolist()


def test_words_in_an_order_that_nobody_stated_are_noted() -> None:
    checks = ["classification"]
    assumed = audit.run(Plain(both), X, LABELS, positive="yes", checks=checks)
    assert any("in the order 'no', 'yes'" in note for note in assumed.model.notes)
    stated = audit.run(Plain(both), X, LABELS, positive="yes", classes=["no", "yes"], checks=checks)
    numbers = audit.run(Plain(both), X, (LABELS == "yes").astype(int), checks=checks)
    assert not any("in the order" in note for note in (*stated.model.notes, *numbers.model.notes))


REFUSED: list[tuple[Callable[[torch.Tensor], Any], str, str, dict[str, Any]]] = [
    (torch.sigmoid, "auto", r"could be logits or probabilities.*\[model\] output", {}),
    (lambda z: z, "probabilities", r"the Sigmoid is missing.*output = \"logits\"", {}),
    (both, "probabilities", r"the Softmax is missing", {}),
    (lambda z: torch.cat([z, z, z], dim=1), "logits", r"3 logits a row.*expected 1 or 2", {}),
    (lambda z: {"first": z, "second": z}, "auto", r"'first', 'second'.*call it 'logits'", {}),
    (lambda z: z.sum(), "auto", r"expected one a row", {}),
    (lambda z: (z, 2 * z), "logits", r"tuple of 2.*shape \(120, 1\).*a dict that calls it 'logits'", {}),
    (lambda _: "text", "auto", r"gives 'str'; expected a tensor", {}),
    (lambda z: z, "logits", r"the task is regression; expected 'value'", {"task": "regression", "positive": None}),
]


@pytest.mark.parametrize(("form", "output", "text", "roles"), REFUSED)
def test_what_could_be_misread_is_refused(
    form: Callable[[torch.Tensor], Any], output: str, text: str, roles: dict[str, Any]
) -> None:
    y = MARGIN if roles else LABELS
    with pytest.raises(ModelError, match=text):
        bound(Plain(form), output, y, **roles)


def test_a_margin_gives_no_probabilities() -> None:
    found: Any = bound(Plain(lambda z: z), "margin")[0].predictor
    assert not hasattr(found, "predict_proba")
    np.testing.assert_allclose(found.decision_function(X), MARGIN, rtol=1e-5)


def test_a_bare_module_is_audited_from_python() -> None:
    record = audit.run(Plain(both), X, LABELS, positive="yes", output="logits", checks=["classification"])
    assert record.metric("accuracy").value == 1.0
    images = RNG.random((60, 1, 4, 4)).astype(np.float32)
    y = (images[:, 0, 0, 0] > 0.5).astype(int)

    class First(nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return 100 * (rows[:, :, 0, 0] - 0.5)

    record = audit.run(First(), images, y, output="logits", checks=["classification"])
    assert record.metric("accuracy").value == 1.0


def test_dropout_is_off() -> None:
    module = nn.Sequential(nn.Dropout(0.9), Plain(lambda z: z))
    module.train()
    found: Any = bound(module, "logits")[0].predictor
    np.testing.assert_array_equal(found.predict_proba(X), found.predict_proba(X))


# --- files ------------------------------------------------------------------------------------------

BUILDER = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))

def broken():
    raise ValueError("no such layer")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from safetensors.torch import save_file

    (tmp_path / "mynet.py").write_text(BUILDER)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    save_file(module.state_dict(), tmp_path / "state.safetensors")
    X.assign(y=LABELS).to_csv(tmp_path / "test.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(folder: Path, model: str) -> None:
    data = '[data]\ntest = "test.csv"\ntarget = "y"\npositive = "yes"\n'
    select = '[checks]\nselect = ["classification", "training_history"]\n[report]\nformats = ["json"]\n'
    (folder / "audit.toml").write_text(f"[model]\n{model}\n{data}{select}")


def test_a_builder_and_its_weights_are_audited(folder: Path) -> None:
    pd.DataFrame({"epoch": [0, 1, 2], "train_loss": [1.0, 1.1, 1.3], "val_loss": [1.0, 1.1, 1.3]}).to_csv("log.csv")
    lines = 'torch = "mynet:build"\nweights = "state.safetensors"\noutput = "logits"\nhistory = "log.csv"'
    configure(folder, lines)
    assert main(["run", "audit.toml"]) in {0, 1, 3, 5}
    record = json.loads((folder / "audit-report" / "audit.json").read_text())
    assert record["model"]["format"] == "torch"
    assert "code of your own" in record["model"]["parameters"]["builder"]
    outcomes = {verdict["gate"]: verdict["outcome"] for verdict in record["verdicts"]}
    assert outcomes["TRAIN001"] == "fail"
    assert not any("weights" in note for note in record["model"]["notes"])
    configure(folder, 'torch = "mynet:build"\noutput = "logits"')
    assert main(["run", "audit.toml"]) in {0, 1, 3, 5}
    notes = json.loads((folder / "audit-report" / "audit.json").read_text())["model"]["notes"]
    assert any("No [model] weights are stated" in note for note in notes)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ('torch = "mynet:buidl"', "Did you mean 'build'"),
        ('torch = "mynet:broken"', "raised ValueError: no such layer"),
        ('torch = "mynet:build"\nweights = "none.safetensors"', "no file"),
        (
            'torch = "mynet:build"\nweights = "other.safetensors"',
            r"'0\.bias' is absent in the file",
        ),
        ('torch = "mynet:build"\nweights = "state.pt"', "expected a .safetensors file"),
        ('weights = "state.safetensors"\npath = "m.onnx"', 'state torch = "package.module:build"'),
        ('torch = "mynet:build"\npath = "m.onnx"', "needs one of"),
        ('torch = "mynet:build"\nhistory = "gone.csv"', "expected a CSV with a row an epoch"),
    ],
)
def test_mistakes_are_told_with_what_to_write(
    folder: Path, lines: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import save_file

    save_file({"9.weight": torch.zeros(2)}, folder / "other.safetensors")
    configure(folder, lines)
    assert main(["run", "audit.toml"]) == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    import re

    assert re.search(text, said), said


def test_programs_and_scripts_need_trust(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(3, 2)).eval()
    program = torch.export.export(module, (torch.zeros(5, 3),))
    torch.export.save(program, tmp_path / "m.pt2")
    with pytest.raises(ModelError, match=r"state \[model\] trust = true"):
        load(tmp_path / "m.pt2")
    model = load(tmp_path / "m.pt2", trust=True)
    data = build({"test": X.assign(y=LABELS)}, Roles(target="y", positive="yes"))
    learn_labels(model, data)
    expected = module(torch.tensor(X.to_numpy(), dtype=torch.float32)).detach().numpy()
    found: Any = model.predictor
    np.testing.assert_allclose(found.decision_function(X), expected[:, 1] - expected[:, 0], rtol=1e-4, atol=1e-5)
    assert model.info.runs_code


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("kind", ["script", "program", "program of five rows"])
def test_programs_and_scripts_are_explained_and_attacked_as_the_module_is(kind: str, tmp_path: Path) -> None:
    module, path = Plain(both), tmp_path / ("m.pt" if kind == "script" else "m.pt2")
    if kind == "script":
        torch.jit.save(torch.jit.trace(module, torch.zeros(5, 3)), path)  # type: ignore[no-untyped-call]
    else:
        shapes = None if "five" in kind else ({0: torch.export.Dim("rows")},)
        torch.export.save(torch.export.export(module, (torch.zeros(5, 3),), dynamic_shapes=shapes), path)
    checks = ["classification", "attribution_ranking", "explanation_faithfulness", "adversarial"]
    records = [
        audit.run(given, X, LABELS, positive="yes", classes=["no", "yes"], checks=checks)
        for given in (module, load(path, trust=True))
    ]
    assert [finding.outcome for finding in records[1].findings] == ["measured"] * 4
    for name in ("accuracy", "roc_auc"):
        assert records[1].metric(name).value == records[0].metric(name).value
    tables = [{f.check: f.measurement.summary for f in record.findings if f.measurement} for record in records]
    assert tables[0] == tables[1]


def test_a_file_of_weights_alone_says_the_lines_to_write(tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 1).state_dict(), tmp_path / "state.pt")
    with pytest.raises(ModelError, match=r'torch = "package.module:build".*weights = "state.safetensors"'):
        load(tmp_path / "state.pt", trust=True)


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_a_net_of_skorch_brings_output_classes_and_history() -> None:
    skorch = pytest.importorskip("skorch")
    torch.manual_seed(0)
    net = skorch.NeuralNetClassifier(
        nn.Sequential(nn.Linear(3, 2)), criterion=nn.CrossEntropyLoss, max_epochs=8, lr=0.5, verbose=0
    )
    net.fit(X.to_numpy(dtype=np.float32), (LABELS == "yes").astype(np.int64))
    y = (LABELS == "yes").astype(int)
    record = audit.run(net, X, y, checks=["classification", "training_history"])
    expected = float((net.predict(X.to_numpy(dtype=np.float32)) == y).mean())
    assert record.metric("accuracy").value == pytest.approx(expected)
    assert next(finding for finding in record.findings if finding.check == "training_history").outcome == "measured"


def test_an_onnx_graph_of_a_logit_says_which_activation_is_missing(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weights = onnx.numpy_helper.from_array(SLOPE[:, None].astype(np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["z"])],
        "g",
        [helper.make_tensor_value_info("x", kind, [None, 3])],
        [helper.make_tensor_value_info("z", kind, [None, 1])],
        [weights],
    )
    path = tmp_path / "m.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 9
    onnx.save(made, path)
    data = build({"test": X.assign(y=LABELS)}, Roles(target="y", positive="yes"))
    with pytest.raises(ModelError, match=r'ends in MatMul.*Sigmoid is missing.*output = "logits"'):
        learn_labels(load(path), data)
    model = with_output(load(path), output="logits")
    learn_labels(model, data)
    found: Any = model.predictor
    assert found.predict(X).tolist() == LABELS.tolist()
    np.testing.assert_allclose(found.predict_proba(X)[:, 1], 1 / (1 + np.exp(-MARGIN)), rtol=1e-4)


def test_modules_are_recognized_without_a_copy() -> None:
    module = Plain(lambda z: z)
    model = wrap(module)
    assert isinstance(model.predictor, TorchModel)
    assert model.predictor.module is module


def test_pixels_are_not_looked_at_one_by_one() -> None:
    from audit.check import run
    from audit.checks import discover

    wide = pd.DataFrame(np.zeros((40, 5001), dtype=np.uint8), columns=[f"x{k}" for k in range(5001)])
    data = build({"test": wide.assign(y=[0, 1] * 20)}, Roles(target="y"))
    found = run(discover()["constant_feature"], lambda _: data, task="binary")
    assert found.outcome == "not_applicable"
    assert "5,001 columns" in found.reason


# --- shapes, seeds, pictures ------------------------------------------------------------------------

IMAGES = RNG.random((40, 6, 6, 3)).astype(np.float32)
STEPS = RNG.random((40, 9, 2)).astype(np.float32)
HALVES = np.arange(40) % 2


class Turned(nn.Module):
    """A module that turns its rows itself, as its first layer needs them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(2, 3, 3), nn.Flatten(), nn.Linear(21, 1))

    def forward(self, rows: torch.Tensor) -> Any:  # noqa: ANN401
        return self.body(rows.transpose(1, 2))


class Series(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body, self.last = nn.LSTM(channels, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, rows: torch.Tensor) -> Any:  # noqa: ANN401
        return self.last(self.body(rows)[0][:, -1])


def convolution(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))


def audited(module: nn.Module, rows: Any, **options: Any) -> Any:  # noqa: ANN401
    checks = options.pop("checks", ["classification"])
    return audit.run(module, rows, HALVES, output="logits", checks=checks, **options)


@pytest.mark.parametrize(
    ("module", "rows", "text"),
    [
        (convolution(3), IMAGES, r"reads 3 channels.*\(6, 6, 3\).*np\.moveaxis\(X, -1, 1\)"),
        (convolution(3), (255 * IMAGES).astype(np.uint8), r"np\.moveaxis"),
        (Series(2), np.swapaxes(STEPS, 1, 2), r"expected \(steps, channels\).*np\.swapaxes"),
        (
            nn.Sequential(nn.Conv1d(2, 3, 3), nn.Flatten(), nn.Linear(21, 1)),
            STEPS,
            r"\(channels, steps\).*np\.swapaxes",
        ),
    ],
)
def test_channels_at_the_other_end_are_refused_with_what_to_pass(module: nn.Module, rows: Any, text: str) -> None:  # noqa: ANN401
    with pytest.raises(ModelError, match=text):
        audited(module, rows)


@pytest.mark.parametrize(
    ("module", "rows"),
    [
        (convolution(1), IMAGES[..., 0]),
        (nn.Linear(108, 2), IMAGES),
        (Series(1), STEPS[:, :, 0]),
        (Turned(), STEPS),
        (convolution(3), np.moveaxis(IMAGES, -1, 1)),
    ],
)
def test_rows_are_read_in_the_shape_that_the_module_reads(module: nn.Module, rows: Any) -> None:  # noqa: ANN401
    assert audited(module, rows).metric("accuracy").n == 40


@pytest.mark.parametrize("boxed", [list, lambda rows: np.array(rows, dtype=object)])
def test_rows_of_several_lengths_say_how_to_pad(boxed: Callable[[Any], Any]) -> None:
    rows = [np.zeros((5 + number % 3, 2)) for number in range(40)]
    with pytest.raises(audit.AuditError, match=r"3 lengths, from 5 to 7; expected one\. Pad them at the end to 7"):
        audited(Series(2), boxed(rows))


def test_dropout_that_is_never_off_draws_the_same_each_time() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(3, 2)

        def forward(self, rows: torch.Tensor) -> Any:  # noqa: ANN401
            return nn.functional.dropout(self.line(rows), 0.5, training=True)

    module = Noisy()
    checks = ["classification", "determinism", "adversarial", "attribution_ranking"]
    before = torch.get_rng_state()
    first, second = (audited(module, X.to_numpy()[:40].astype(np.float32), checks=checks, seed=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    told = [[(one.check, one.outcome, one.measurement) for one in record.findings] for record in (first, second)]
    assert told[0] == told[1]
    assert {one.outcome for one in first.verdicts if one.gate == "ROB004"} == {"fail"}


def test_pixels_of_pictures_are_no_findings_of_their_own() -> None:
    rows = np.moveaxis(IMAGES, -1, 1).copy()
    rows[:, :, 0] = 0.0  # constant
    rows[:, :, 1] *= 1000  # another scale
    checks = ["constant_feature", "feature_drift", "out_of_range", "missing_values"]
    record = audit.run(
        convolution(3), rows[:20], HALVES[:20], output="logits", train=(rows[20:], HALVES[20:]), checks=checks
    )
    found = {one.check: one for one in record.findings}
    assert {name: one.outcome for name, one in found.items()} == {
        "constant_feature": "not_applicable",
        "feature_drift": "not_applicable",
        "out_of_range": "not_applicable",
        "missing_values": "measured",
    }
    measured = found["missing_values"].measurement
    assert measured is not None
    assert len(measured.estimates) == 2
