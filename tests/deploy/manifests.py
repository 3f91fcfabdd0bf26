"""The Kubernetes objects, as kustomize builds them, and the schemas that they are held to."""

import gzip
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.deploy.extract_schemas import SCHEMAS
from tests.e2e.conftest import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("base", "ingress", "openshift", "kserve", "training")
VERSIONS = ("1.30", "1.37")
"""Of Kubernetes: the oldest that has everything used here, and the newest that the schemas know."""

Manifest = dict[str, Any]


def needs_kustomize() -> pytest.MarkDecorator:
    reason = "NOT RUN: neither kubectl nor kustomize is there, so no Kubernetes object was built or validated"
    return pytest.mark.skipif(not any(map(shutil.which, ("kubectl", "kustomize"))), reason=reason)


@cache
def build(folder: Path) -> tuple[Manifest, ...]:
    """The objects of a folder with a `kustomization.yaml`."""
    command = ["kubectl", "kustomize"] if shutil.which("kubectl") else ["kustomize", "build"]
    built = subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=60, check=False)
    assert built.returncode == 0, built.stderr
    assert not built.stderr  # kustomize warns of what it will not know any more
    return tuple(yaml.safe_load_all(built.stdout))


def build_with(component: str, tmp_path: Path) -> tuple[Manifest, ...]:
    """The objects of the base with a component."""
    base, added = (
        os.path.relpath(KUBERNETES / name, tmp_path.resolve()) for name in ("base", f"components/{component}")
    )
    (tmp_path / "kustomization.yaml").write_text(json.dumps({"resources": [base], "components": [added]}))
    return build(tmp_path)


def find(manifests: tuple[Manifest, ...], kind: str) -> Manifest:
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def pod_of(manifest: Manifest) -> Manifest:
    """The specification of the pods of a Deployment, a Job or an InferenceService."""
    spec = manifest["spec"]
    pod: Manifest = spec["template"]["spec"] if "template" in spec else spec["predictor"]
    return pod


def docker_options(pod: Manifest, user: int) -> list[str]:
    """What `docker run` needs to hold a container as narrowly as a cluster holds this pod's.

    Docker's own seccomp profile is what `RuntimeDefault` means there, so that it needs no option.
    """
    (container,) = pod["containers"]
    security, limits = container["securityContext"], container["resources"]["limits"]
    memory = limits["memory"].replace("i", "").lower()
    options = ["--user", f"{user}:0", "--memory", memory, "--memory-swap", memory, "--cpus", limits["cpu"]]
    options += ["--read-only"] * security["readOnlyRootFilesystem"]
    options += ["--security-opt", "no-new-privileges"] * (not security["allowPrivilegeEscalation"])
    options += [word for name in security["capabilities"]["drop"] for word in ("--cap-drop", name)]
    options += [word for each in container["env"] for word in ("--env", f"{each['name']}={each['value']}")]
    sizes = {volume["name"]: volume["emptyDir"]["sizeLimit"].replace("i", "") for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: sizes[mount["name"]].lower() for mount in container["volumeMounts"]}
    return [*options, *(word for path, size in mounts.items() for word in ("--tmpfs", f"{path}:mode=1777,size={size}"))]


def validate(manifest: Manifest, version: str = VERSIONS[-1]) -> None:
    """Hold an object to the schema of its kind; a field that the schema does not know is an error.

    Raises:
        jsonschema.ValidationError: It is not as it should be.
    """
    schema = _custom_resources().get(manifest["kind"])
    if schema is None:
        kubernetes_validate.validate(manifest, version, strict=True)
        return
    named = schema["x-kubernetes-group-version-kind"]
    assert manifest["apiVersion"] in {f"{each['group']}/{each['version']}" for each in named}
    jsonschema.Draft202012Validator(schema).validate(manifest)


@cache
def _custom_resources() -> dict[str, Any]:
    schemas = json.loads(gzip.decompress(SCHEMAS.read_bytes()))
    return {kind: _close(schema) for kind, schema in schemas.items()}


def _close(schema: Any) -> Any:
    """Allow no fields but those of the schema, as `kubectl apply --validate=strict` does."""
    if isinstance(schema, list):
        return [_close(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _close(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed
