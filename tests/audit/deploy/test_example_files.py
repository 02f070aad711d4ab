"""The files in examples/serve agree with each other, with published schemas, and with what the server does."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "examples" / "serve"
USER = 10001
PORT = 8080


def containerfile() -> dict[str, list[str]]:
    """Return the arguments of each instruction."""
    text = (FOLDER / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    instructions: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            instructions.setdefault(name, []).append(" ".join(rest.split()))
    return instructions


def document(name: str) -> Any:  # noqa: ANN401 -- YAML
    return pytest.importorskip("yaml").safe_load((FOLDER / name).read_text(encoding="utf-8"))


def test_the_image_runs_as_a_user_who_may_write_the_log_alone() -> None:
    steps = containerfile()
    assert steps["USER"] == [f"{USER}:{USER}"]
    assert steps["EXPOSE"] == [str(PORT)]
    assert re.search(rf"install -d -o {USER} -g {USER} /log", steps["RUN"][0])  # a volume takes the owner of its folder
    assert json.loads(steps["ENTRYPOINT"][0])[:3] == ["modelassay", "serve", "/model/model.json"]
    assert json.loads(steps["CMD"][0]) == ["--log", "/log"]
    assert "/v2/health/ready" in steps["HEALTHCHECK"][0]


def test_compose_and_kserve_run_it_without_rights() -> None:
    service = document("compose.yaml")["services"]["model"]
    assert (service["read_only"], service["user"], service["cap_drop"]) == (True, f"{USER}:{USER}", ["ALL"])
    assert service["build"]["dockerfile"] == "Containerfile"
    assert service["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert service["volumes"] == ["predictions:/log"]
    pod = document("kserve.yaml")["spec"]["predictor"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsUser"] == USER
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["args"] == ["--log", "/log"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert container["readinessProbe"]["httpGet"] == {"path": "/v2/health/ready", "port": PORT}


# --- schemas --------------------------------------------------------------------------------------

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
FLAG: dict[str, Any] = {"type": "boolean"}
WHOLE: dict[str, Any] = {"type": "integer", "minimum": 0}
QUANTITY: dict[str, Any] = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|[EPTGMk]|[EPTGMK]i)?$"}
NAME: dict[str, Any] = {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
PATH: dict[str, Any] = {"type": "string", "pattern": "^/"}


def strict(*required: str, **properties: object) -> dict[str, Any]:
    """Return a schema of an object that has these properties and no other."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def many(items: object) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1}


PROBE = strict(
    httpGet=strict("port", path=PATH, port={"type": "integer", "minimum": 1, "maximum": 65535}, scheme=TEXT),
    initialDelaySeconds=WHOLE, periodSeconds=WHOLE, timeoutSeconds=WHOLE, failureThreshold=WHOLE,
)  # fmt: skip
CONTAINER = strict(
    "name", "image",
    name={"const": "kserve-container"},  # the name that KServe looks for in a predictor of one's own
    image=TEXT, args=many(TEXT), command=many(TEXT),
    ports=many(strict("containerPort", containerPort=WHOLE, protocol={"enum": ["TCP", "UDP", "SCTP"]}, name=NAME)),
    env=many(strict("name", name=TEXT, value={"type": "string"})),
    livenessProbe=PROBE, readinessProbe=PROBE, startupProbe=PROBE,
    securityContext=strict(
        allowPrivilegeEscalation=FLAG, readOnlyRootFilesystem=FLAG, runAsNonRoot=FLAG, runAsUser=WHOLE,
        capabilities=strict(drop=many(TEXT), add=many(TEXT)),
    ),
    resources=strict(
        requests=strict(cpu=QUANTITY, memory=QUANTITY), limits=strict(cpu=QUANTITY, memory=QUANTITY)
    ),
    volumeMounts=many(strict("name", "mountPath", name=NAME, mountPath=PATH, readOnly=FLAG)),
)  # fmt: skip
VOLUME = strict(
    "name", name=NAME, emptyDir=strict(medium={"enum": ["", "Memory"]}, sizeLimit=QUANTITY),
    persistentVolumeClaim=strict("claimName", claimName=NAME, readOnly=FLAG),
)  # fmt: skip
INFERENCE_SERVICE = strict(
    "apiVersion", "kind", "metadata", "spec",
    apiVersion={"const": "serving.kserve.io/v1beta1"},
    kind={"const": "InferenceService"},
    metadata=strict("name", name=NAME, namespace=NAME, labels={"type": "object"}, annotations={"type": "object"}),
    spec=strict(
        "predictor",
        predictor=strict(
            "containers",
            containers={**many(CONTAINER), "maxItems": 1},
            volumes=many(VOLUME),
            minReplicas=WHOLE, maxReplicas=WHOLE, terminationGracePeriodSeconds=WHOLE,
            securityContext=strict(
                runAsNonRoot=FLAG, runAsUser=WHOLE, runAsGroup=WHOLE, fsGroup=WHOLE,
                seccompProfile=strict("type", type={"enum": ["RuntimeDefault", "Unconfined", "Localhost"]}),
            ),
        ),
    ),
)  # fmt: skip
SERVICE = strict(
    "build", build=strict("context", context=TEXT, dockerfile=TEXT), image=TEXT,
    read_only=FLAG, user={"type": "string", "pattern": "^[0-9]+:[0-9]+$"}, cap_drop=many(TEXT),
    security_opt=many({"enum": ["no-new-privileges:true"]}), tmpfs=many({"type": "string", "pattern": "^/"}),
    volumes=many({"type": "string", "pattern": "^[a-z]+:/[a-z]+$"}), environment={"type": "object"},
    ports=many({"type": "string", "pattern": r"^([0-9.]+:)?[0-9]+:[0-9]+$"}),
    stop_grace_period={"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"},
    mem_limit={"type": "string", "pattern": "^[0-9]+[bkmg]$"}, pids_limit=WHOLE, restart={"enum": ["no", "always"]},
)  # fmt: skip
COMPOSE = strict("services", services={"type": "object", "additionalProperties": SERVICE}, volumes={"type": "object"})


@pytest.mark.parametrize(
    ("name", "schema"), [("kserve.yaml", INFERENCE_SERVICE), ("compose.yaml", COMPOSE)], ids=["kserve", "compose"]
)
def test_a_manifest_has_known_fields_alone(name: str, schema: dict[str, Any]) -> None:
    """Fields are those that Kubernetes, KServe and the Compose specification publish, as far as they are used."""
    jsonschema = pytest.importorskip("jsonschema")
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document(name))] == []
    misspelled = json.loads(json.dumps(document(name)).replace("read", "raed").replace("containerPort", "contanerPort"))
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(misspelled))


def test_manifests_grant_the_time_that_a_graceful_stop_takes() -> None:
    from audit.deploy import service

    source = Path(service.__file__).read_text(encoding="utf-8")
    needed = int(re.findall(r"timeout_graceful_shutdown=(\d+)", source)[0])
    assert int(document("compose.yaml")["services"]["model"]["stop_grace_period"].rstrip("s")) > needed
    assert document("kserve.yaml")["spec"]["predictor"]["terminationGracePeriodSeconds"] > needed


# --- the image, as far as it can be tried without building it ---------------------------------------

INSTRUCTIONS = {"FROM", "RUN", "COPY", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
WITHOUT = """\
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ImportError(f"{{name}} is not in the image")
sys.meta_path.insert(0, Absent())
from audit.cli import main
sys.exit(main(sys.argv[1:]))
"""


def extras() -> tuple[set[str], dict[str, list[str]]]:
    """Return the extras that the image installs, and the requirements of all."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    found = re.search(r'"modelassay\[([a-z,]+)\]"', containerfile()["RUN"][0])
    assert found is not None
    return set(found[1].split(",")), known


def modules(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=]", line)[0].replace("-", "_") for line in requirements}


def test_the_image_is_made_of_what_there_is() -> None:
    steps = containerfile()
    assert set(steps) <= INSTRUCTIONS
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    python = re.fullmatch(r"docker\.io/library/python:3\.(\d+)-slim", steps["FROM"][0])
    assert python is not None
    assert int(python[1]) >= int(version.removeprefix(">=3."))
    installed, known = extras()
    assert installed <= set(known)
    commands = [shlex.split(part) for part in steps["RUN"][0].split("&&")]
    assert [words[0] for words in commands] == ["pip", "useradd", "install", "install"]
    assert all(re.fullmatch(r"[A-Z_]+=[0-9]+", part) for part in steps["ENV"][0].split())
    assert steps["STOPSIGNAL"] == [signal.SIGTERM.name]


def test_a_log_without_what_writes_it_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from audit.deploy.description import describe
    from audit.deploy.service import make_service
    from audit.errors import MissingExtra
    from audit.models.load import wrap

    table = pd.DataFrame({"age": [1.0, 2.0, 3.0]})
    model = wrap(pytest.importorskip("sklearn.dummy").DummyClassifier().fit(table, [0, 1, 1]))
    (tmp_path / "m").write_bytes(b"")
    description = describe(model, tmp_path / "m", table)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"modelassay\[serve\]"):
        make_service(description, model, log=tmp_path / "log")


def _as_user() -> dict[str, Any]:
    """Return how to start a process as the user of the image, where this process may and that user can read Python."""
    options: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if os.getuid() == 0 else {}
    command = [sys.executable, "-c", "import audit.cli, numpy"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, **options)
    except PermissionError:
        return {}
    return options if done.returncode == 0 else {}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Lay out what the image and its volumes hold: the model read-only, the log writable for its user alone."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from audit.deploy.export import export
    from audit.models.load import wrap

    pytest.importorskip("skl2onnx")
    pytest.importorskip("uvicorn")
    generator = np.random.default_rng(0)
    table = pd.DataFrame({"age": generator.normal(40, 9, 200), "sex": generator.choice(["f", "m"], 200)})
    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["sex"]))
    model = make_pipeline(columns, LogisticRegression()).fit(table, np.where(table["age"] > 40, "yes", "no"))
    export(wrap(model), table, table, tmp_path / "model" / "model.onnx")
    for part in (tmp_path / "log", tmp_path / "tmp"):
        part.mkdir()
        if os.getuid() == 0:
            os.chown(part, USER, USER)
    for part in (tmp_path / "model").iterdir():
        part.chmod(0o444)
    (tmp_path / "model").chmod(0o555)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        if parent.stat().st_uid == os.getuid() and parent.name.startswith(("pytest-", "test_")):
            parent.chmod(0o755)
    return tmp_path


def test_its_command_serves_logs_and_ends_as_its_manifests_say(image: Path) -> None:
    """Start what ENTRYPOINT and CMD say: as its user, with its variables and no packages beyond those it installs."""
    steps = containerfile()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    changes = {
        "/model/model.json": str(image / "model" / "model.json"),
        "/log": str(image / "log"),
        "0.0.0.0": "127.0.0.1",  # noqa: S104
        str(PORT): str(port),
    }
    words = [*json.loads(steps["ENTRYPOINT"][0])[1:], *json.loads(steps["CMD"][0])]
    installed, known = extras()
    absent = {name for extra, lines in known.items() if extra not in installed for name in modules(lines)}
    absent -= {name for extra in installed for name in modules(known[extra])} | {"modelassay", "pytest"}
    start = [sys.executable, "-c", WITHOUT.format(names=sorted(absent)), *[changes.get(word, word) for word in words]]
    variables = dict(part.split("=") for part in steps["ENV"][0].split())
    variables |= {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": "/nonexistent",
        "TMPDIR": str(image / "tmp"),
    }
    process = subprocess.Popen(
        start, env=variables, cwd=image / "model", stderr=subprocess.PIPE, text=True, **_as_user()
    )
    health = json.loads(steps["HEALTHCHECK"][0].partition(" CMD ")[2])
    check = [sys.executable, *[word.replace(f":{PORT}/", f":{port}/") for word in health[1:]]]
    try:
        for _ in range(300):
            assert process.poll() is None, process.stderr and process.stderr.read()
            if subprocess.run(check, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        httpx = pytest.importorskip("httpx")
        with httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
            pod = document("kserve.yaml")["spec"]["predictor"]["containers"][0]
            for probe in ("livenessProbe", "readinessProbe"):
                assert client.get(pod[probe]["httpGet"]["path"]).status_code == 200
            data = {"age": ("FP64", 41.0), "sex": ("BYTES", "f")}
            inputs = [{"name": k, "shape": [1], "datatype": kind, "data": [v]} for k, (kind, v) in data.items()]
            assert client.post("/v2/models/model/infer", json={"inputs": inputs}).status_code == 200
        process.send_signal(getattr(signal, steps["STOPSIGNAL"][0]))
        process.wait(20)
    finally:
        process.kill()
        process.communicate()
    log = pd.concat([pd.read_parquet(file) for file in (image / "log").glob("*.parquet")])
    assert len(log) == 1
    assert sorted(part.name for part in (image / "model").iterdir()) == ["model.json", "model.onnx"]
    assert subprocess.run(check, capture_output=True, check=False).returncode != 0
