"""The files in examples/serve agree with each other and with what the server promises."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "examples" / "serve"
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
