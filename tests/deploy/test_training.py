"""The Kubernetes Job that trains: its command is one that the image knows, and what it needs is there."""

import re
from typing import Any

import pytest

from tests.deploy.manifests import KUBERNETES, Manifest, build, find, needs_kustomize, pod_of
from training import __main__ as command
from training.output import default_work
from training.run import Job

pytestmark = needs_kustomize()

TRAINING = KUBERNETES / "training"


@pytest.fixture
def job() -> Manifest:
    return find(build(TRAINING), "Job")


@pytest.fixture
def container(job: Manifest) -> dict[str, Any]:
    (only,) = pod_of(job)["containers"]
    return dict(only)


def test_the_command_trains_from_and_into_object_storage(
    container: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    python, option, package, *arguments = container["command"]
    assert (python, option, package) == ("python", "-m", "training")
    values = find(build(TRAINING), "ConfigMap")["data"]
    asked: list[Job] = []
    monkeypatch.setattr(command, "_find_data", lambda options: options.data)
    monkeypatch.setattr(command, "usual_validation_images", lambda _root: 5000)
    monkeypatch.setattr(command, "train", lambda job, _ancestors: asked.append(job))
    monkeypatch.setattr(command, "_report", lambda *_: None)
    assert command.main([re.sub(r"\$\((\w+)\)", lambda name: values[name[1]], word) for word in arguments]) == 0
    assert (asked[0].data_root, asked[0].output) == (values["DATA"], values["OUTPUT"])
    assert asked[0].work == default_work(values["OUTPUT"]) == f"{values['OUTPUT']}/.training"
    assert str(asked[0].machine.threads) == container["resources"]["limits"]["cpu"]


def test_settings_and_keys_are_found(container: dict[str, Any]) -> None:
    (settings, keys) = container["envFrom"]
    assert settings["configMapRef"]["name"] == find(build(TRAINING), "ConfigMap")["metadata"]["name"]
    assert keys["secretRef"]["name"] == "digits-training"
    assert not [manifest for manifest in build(TRAINING) if manifest["kind"] == "Secret"]


def test_a_pod_that_is_moved_is_no_failure_and_a_wrong_option_no_second_try(job: Manifest) -> None:
    assert pod_of(job)["restartPolicy"] == "Never"
    moved, wrong = job["spec"]["podFailurePolicy"]["rules"]
    assert (moved["action"], moved["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    with pytest.raises(SystemExit) as caught:
        command.main(["train", "--no-such-option"])
    assert (wrong["action"], wrong["onExitCodes"]) == ("FailJob", {"operator": "In", "values": [caught.value.code]})


def test_the_policy_is_for_the_job_s_pods(job: Manifest) -> None:
    policy = find(build(TRAINING), "NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert policy["ingress"] == []
