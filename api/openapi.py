"""Swagger 2.0, as flask-restx writes it, to OpenAPI 3.0, which can say that an operation takes a form or a raw body.

Specification: https://spec.openapis.org/oas/v3.0.3. Only what flask-restx writes of this application is translated.
"""

from collections.abc import Mapping
from typing import Any

OPENAPI = "3.0.3"
JSON = "application/json"
TEXT = "text/plain"
METHODS = ("get", "post")
SCHEMA_KEYS = ("type", "format", "default", "enum", "items", "minimum", "maximum")
BINARY = {"type": "string", "format": "binary"}

Node = dict[str, Any]


def from_swagger(swagger: Mapping[str, Any], raw_bodies: Mapping[str, tuple[str, ...]]) -> Node:
    """Return a description in OpenAPI 3.0.

    Args:
        swagger: The same in Swagger 2.0.
        raw_bodies: Media types that an operation takes as they are, beside what Swagger says, by its `operationId`.
    """
    components: Node = {"schemas": swagger["definitions"]}
    if "securityDefinitions" in swagger:
        components["securitySchemes"] = swagger["securityDefinitions"]
    described: Node = {
        "openapi": OPENAPI,
        "info": swagger["info"],
        "servers": [{"url": swagger["basePath"].rstrip("/") or "/"}],
        "tags": swagger["tags"],
        "paths": {path: _path(item, raw_bodies) for path, item in swagger["paths"].items()},
        "components": components,
    }
    if "security" in swagger:
        described["security"] = swagger["security"]
    moved: Node = _with_references_moved(described)
    return moved


def _path(item: Node, raw_bodies: Mapping[str, tuple[str, ...]]) -> Node:
    path: Node = {method: _operation(item[method], raw_bodies) for method in METHODS if method in item}
    if "parameters" in item:
        path["parameters"] = [_parameter(parameter) for parameter in item["parameters"]]
    return path


def _operation(operation: Node, raw_bodies: Mapping[str, tuple[str, ...]]) -> Node:
    parameters = operation.get("parameters", [])
    content = _form(parameters) | _body(parameters)
    content |= {media_type: {"schema": BINARY} for media_type in raw_bodies.get(operation["operationId"], ())}
    moved = {
        key: value for key, value in operation.items() if key not in ("consumes", "produces", "parameters", "responses")
    }
    moved["parameters"] = [_parameter(parameter) for parameter in parameters if parameter["in"] in ("query", "header")]
    moved["responses"] = {status: _response(response) for status, response in sorted(operation["responses"].items())}
    if content:
        moved["requestBody"] = {"required": True, "content": content}
    return moved


def _parameter(parameter: Node) -> Node:
    schema = {key: parameter[key] for key in SCHEMA_KEYS if key in parameter}
    return {key: value for key, value in parameter.items() if key not in SCHEMA_KEYS} | {"schema": schema}


def _form(parameters: list[Node]) -> Node:
    """The content of a request that is a form; a field with a file may be repeated."""
    fields = [parameter for parameter in parameters if parameter["in"] == "formData"]
    if not fields:
        return {}
    properties = {
        field["name"]: {"type": "array", "items": BINARY, "minItems": 1, "description": field["description"]}
        for field in fields
    }
    required = [field["name"] for field in fields if field.get("required")]
    return {"multipart/form-data": {"schema": {"type": "object", "properties": properties, "required": required}}}


def _body(parameters: list[Node]) -> Node:
    """The content of a request that is JSON."""
    bodies = [parameter["schema"] for parameter in parameters if parameter["in"] == "body"]
    return {JSON: {"schema": bodies[0]}} if bodies else {}


def _response(response: Node) -> Node:
    if "schema" not in response:
        return response
    media_type = TEXT if response["schema"].get("type") == "string" else JSON
    return {"description": response["description"], "content": {media_type: {"schema": response["schema"]}}}


def _with_references_moved(node: Any) -> Any:
    """The same tree, whose references lead to where OpenAPI keeps schemas."""
    if isinstance(node, Mapping):
        return {key: _with_references_moved(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_references_moved(value) for value in node]
    return node.replace("#/definitions/", "#/components/schemas/") if isinstance(node, str) else node
