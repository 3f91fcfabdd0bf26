"""Every object of `deploy/kubernetes` is what its kind's schema, restricted Pod Security and this service ask for."""

import copy
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from flask import Flask

from config import Settings
from core.storage import is_bucket
from tests.deploy.manifests import (
    KUBERNETES,
    OVERLAYS,
    VERSIONS,
    Manifest,
    build,
    build_with,
    find,
    needs_kustomize,
    pod_of,
    validate,
)
from tests.e2e.conftest import ROOT

pytestmark = needs_kustomize()

PODS = {"Deployment": "base", "InferenceService": "kserve"}
ALL_PODS = PODS | {"Job": "training"}
COMPONENTS = ("api-keys", "object-storage", "pod-monitor")
KSERVE_ENVIRONMENT = {"PROTOCOL"}
"""Read by KServe, not by the service."""


@pytest.fixture(params=PODS)
def pod(request: pytest.FixtureRequest) -> Manifest:
    return pod_of(find(build(KUBERNETES / PODS[request.param]), request.param))


@pytest.fixture
def container(pod: Manifest) -> Manifest:
    (only,) = pod["containers"]
    return dict(only)


def base(kind: str) -> Manifest:
    return find(build(KUBERNETES / "base"), kind)


def test_every_file_is_built() -> None:
    used = {"kustomization.yaml", "images.yaml"}
    for kustomization in KUBERNETES.rglob("kustomization.yaml"):
        used |= {Path(name).name for name in yaml.safe_load(kustomization.read_text()).get("resources", [])}
    assert {path.name for path in KUBERNETES.rglob("*.yaml")} <= used
    folders = {str(path.parent.relative_to(KUBERNETES)) for path in KUBERNETES.rglob("kustomization.yaml")}
    assert folders == {*OVERLAYS, *(f"components/{name}" for name in COMPONENTS)}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_objects_are_valid(overlay: str, version: str) -> None:
    for manifest in build(KUBERNETES / overlay):
        validate(manifest, version)


@pytest.mark.parametrize("component", COMPONENTS)
def test_components_are_valid(component: str, tmp_path: Path) -> None:
    manifests = build_with(component, tmp_path)
    for manifest in manifests:
        validate(manifest)
    assert manifests != build(KUBERNETES / "base")


BREAKS: list[tuple[str, str, tuple[Any, ...], Any]] = [
    ("base", "Deployment", ("spec", "template", "spec", "containers", 0, "readinesProbe"), {}),
    ("base", "Deployment", ("spec", "template", "spec", "containers", 0, "ports", 0, "containerPort"), "http"),
    ("base", "HorizontalPodAutoscaler", ("spec", "maxReplicas"), "ten"),
    ("base", "NetworkPolicy", ("spec", "ingres"), []),
    ("base", "PodDisruptionBudget", ("spec", "maxUnavailabel"), 1),
    ("base", "Service", ("spec", "ports", 0, "port"), "eighty"),
    ("base", "ServiceAccount", ("spec",), {}),
    ("ingress", "Namespace", ("spec", "x"), 1),
    ("ingress", "Ingress", ("spec", "rules", 0, "http", "paths", 0, "backend", "service", "port", "named"), "http"),
    ("openshift", "Route", ("spec", "to", "weight"), "all"),
    ("training", "Job", ("spec", "backofLimit"), 3),
    ("training", "Job", ("spec", "podFailurePolicy", "rules", 0, "action"), 1),
    ("training", "ConfigMap", ("data", "OUTPUT"), {}),
    ("openshift", "Route", ("spec", "tls", "terminaton"), "edge"),
    ("kserve", "InferenceService", ("spec", "predictor", "minReplica"), 2),
    (
        "kserve",
        "InferenceService",
        ("spec", "predictor", "containers", 0, "lifecycle", "preStop", "sleep"),
        {"seconds": 5},
    ),
    ("kserve", "InferenceService", ("spec", "predictor", "containers", 0, "ports", 0, "containerPort"), "http"),
    ("kserve", "InferenceService", ("spec", "predictor", "volumes", 0, "emptyDir", "sizelimit"), "1Mi"),
]


@pytest.mark.parametrize(("overlay", "kind", "path", "value"), BREAKS, ids=[f"{b[1]}-{b[2][-1]}" for b in BREAKS])
def test_the_schemas_bite(overlay: str, kind: str, path: tuple[Any, ...], value: Any) -> None:
    broken = copy.deepcopy(find(build(KUBERNETES / overlay), kind))
    *parents, last = path
    place: Any = broken
    for step in parents:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    place[last] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(broken)


@pytest.mark.parametrize("kind", ALL_PODS)
def test_pods_are_restricted(kind: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, field by field, and more."""
    pod = pod_of(find(build(KUBERNETES / ALL_PODS[kind]), kind))
    (container,) = pod["containers"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers", "initContainers", "ephemeralContainers"} & set(pod)
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all("hostPort" not in port for port in container.get("ports", []))
    assert {frozenset(volume) for volume in pod["volumes"]} == {frozenset({"name", "emptyDir"})}
    assert pod["automountServiceAccountToken"] is False


def test_the_namespace_admits_no_other_pods() -> None:
    labels = find(build(KUBERNETES / "ingress"), "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {manifest["metadata"].get("namespace") for manifest in build(KUBERNETES / "ingress")} == {None, "digits"}


def test_the_user_is_the_cluster_s_choice() -> None:
    """OpenShift refuses a fixed user; the image's own is a number, so that `runAsNonRoot` can be checked."""
    for overlay in OVERLAYS:
        assert not re.search(r"runAs(User|Group)|fsGroup", str(build(KUBERNETES / overlay)))
    assert re.search(r"^USER [1-9]\d*:0$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_probes_ask_routes_that_exist(app: Flask, container: Manifest) -> None:
    routes = {rule.rule for rule in app.url_map.iter_rules()}
    asked = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {probe["path"] for probe in asked.values()} <= routes
    assert {name: probe["path"] for name, probe in asked.items()} == {
        "startup": "/health/ready",
        "readiness": "/health/ready",
        "liveness": "/health/live",
    }
    assert {probe["port"] for probe in asked.values()} == {port["name"] for port in container["ports"]}


def test_a_busy_server_has_time_to_answer_its_probe(container: Manifest) -> None:
    assert container["readinessProbe"]["timeoutSeconds"] > Settings.model_fields["max_wait_s"].default


def test_ports_agree(container: Manifest) -> None:
    port = Settings.model_fields["port"].default
    assert [each["containerPort"] for each in container["ports"]] == [port]
    annotations = base("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port)
    name = pod_of(base("Deployment"))["containers"][0]["ports"][0]["name"]
    assert base("Service")["spec"]["ports"][0]["targetPort"] == name
    assert base("NetworkPolicy")["spec"]["ingress"] == [{"ports": [{"port": name, "protocol": "TCP"}]}]


def test_environment_is_of_settings(container: Manifest, tmp_path: Path) -> None:
    with_keys = pod_of(find(build_with("api-keys", tmp_path), "Deployment"))["containers"][0]["env"]
    names = {variable["name"] for variable in [*container["env"], *with_keys]} - KSERVE_ENVIRONMENT
    assert names <= {name.upper() for name in Settings.model_fields}


def test_keys_come_from_a_secret_that_the_image_s_group_reads(tmp_path: Path) -> None:
    pod = pod_of(find(build_with("api-keys", tmp_path), "Deployment"))
    (only,) = pod["containers"]
    (secret,) = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    (mount,) = [mount for mount in only["volumeMounts"] if mount.get("readOnly")]
    assert secret == {"secretName": "digits-api-keys", "defaultMode": 0o440}
    assert {"name": "API_KEYS_FILE", "value": f"{mount['mountPath']}/keys"} in only["env"]


def test_weights_come_out_of_a_bucket_with_a_secret_s_keys(tmp_path: Path) -> None:
    manifests = build_with("object-storage", tmp_path)
    (only,) = pod_of(find(manifests, "Deployment"))["containers"]
    assert only["envFrom"] == [{"secretRef": {"name": "digits-object-storage"}}]
    added = {variable["name"]: variable["value"] for variable in only["env"]}
    assert {"ASSETS_DIR", "ASSETS_SHA512"} <= added.keys() <= {name.upper() for name in Settings.model_fields}
    assert not any(name.startswith("AWS_") for name in added)
    assert is_bucket(added["ASSETS_DIR"])
    egress = find(manifests, "NetworkPolicy")["spec"]["egress"]
    assert {port["port"] for rule in egress for port in rule["ports"]} == {53, 443}
    assert base("NetworkPolicy")["spec"]["egress"] == []


def test_selectors_find_the_pods() -> None:
    labels = base("Deployment")["spec"]["template"]["metadata"]["labels"].items()
    spread = pod_of(base("Deployment"))["topologySpreadConstraints"]
    selectors = [constraint["labelSelector"]["matchLabels"] for constraint in spread]
    selectors += [base(kind)["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")]
    selectors += [base("NetworkPolicy")["spec"]["podSelector"]["matchLabels"], base("Service")["spec"]["selector"]]
    assert all(selector and selector.items() <= labels for selector in selectors)


def test_the_pod_monitor_finds_pods_and_port(tmp_path: Path) -> None:
    monitor = find(build_with("pod-monitor", tmp_path), "PodMonitor")["spec"]
    template = base("Deployment")["spec"]["template"]
    assert monitor["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    names = [port["name"] for port in template["spec"]["containers"][0]["ports"]]
    assert [endpoint["port"] for endpoint in monitor["podMetricsEndpoints"]] == names


def test_references_lead_to_objects() -> None:
    name = base("Deployment")["metadata"]["name"]
    target = base("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    assert pod_of(base("Deployment"))["serviceAccountName"] == base("ServiceAccount")["metadata"]["name"]
    service = base("Service")
    route = find(build(KUBERNETES / "openshift"), "Route")["spec"]
    assert route["to"]["name"] == service["metadata"]["name"]
    assert route["port"]["targetPort"] in [port["name"] for port in service["spec"]["ports"]]
    for path in ingress_paths():
        assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": "http"}}


def ingress_paths() -> list[dict[str, Any]]:
    (rule,) = find(build(KUBERNETES / "ingress"), "Ingress")["spec"]["rules"]
    paths: list[dict[str, Any]] = rule["http"]["paths"]
    return paths


def test_the_ingress_leads_to_all_routes_but_metrics(app: Flask) -> None:
    def is_open(route: str) -> bool:
        return any(
            route == path["path"] or (path["pathType"] == "Prefix" and route.startswith(f"{path['path']}/"))
            for path in ingress_paths()
        )

    routes = {rule.rule for rule in app.url_map.iter_rules()}
    assert {route for route in routes if not is_open(route)} <= {"/metrics"}
    assert not is_open("/metrics")


def test_the_ingress_takes_bodies_that_the_service_takes() -> None:
    annotations = find(build(KUBERNETES / "ingress"), "Ingress")["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == "10m"
    assert Settings.model_fields["max_upload_bytes"].default == 10 * 2**20


def test_nothing_is_lost_at_an_update(pod: Manifest, container: Manifest) -> None:
    strategies = (
        base("Deployment")["spec"]["strategy"],
        pod_of(find(build(KUBERNETES / "kserve"), "InferenceService")),
    )
    for strategy in (strategies[0], strategies[1]["deploymentStrategy"]):
        assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    stop_s = 10  # in which the server ends, promised in the README
    assert pod["terminationGracePeriodSeconds"] >= seconds_before_stop(container) + stop_s


def seconds_before_stop(container: Manifest) -> int:
    hook = container["lifecycle"]["preStop"]
    return int(hook["sleep"]["seconds"] if "sleep" in hook else hook["exec"]["command"][1])


def test_kserve_s_pods_are_those_of_the_deployment() -> None:
    ours, theirs = (pod_of(find(build(KUBERNETES / folder), kind)) for kind, folder in PODS.items())
    (our, their) = ({**pod["containers"][0]} for pod in (ours, theirs))
    for only in (our, their):
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            only[name] = {**only[name], "httpGet": only[name]["httpGet"]["path"]}
    assert seconds_before_stop(our) == seconds_before_stop(their)
    same = {"image", "resources", "securityContext", "volumeMounts"}
    same |= {"startupProbe", "readinessProbe", "livenessProbe"}
    assert {key: our[key] for key in same} == {key: their[key] for key in same}
    assert ours["volumes"] == theirs["volumes"]
    assert their["name"] == "kserve-container"
    assert {"name": "PROTOCOL", "value": "v2"} in their["env"]
