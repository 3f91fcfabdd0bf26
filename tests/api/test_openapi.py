from typing import Any

import pytest

from api.openapi import from_swagger

SWAGGER: dict[str, Any] = {
    "basePath": "/",
    "info": {"title": "Test", "version": "0"},
    "tags": [],
    "definitions": {"Answer": {"type": "object"}},
    "paths": {
        "/things/{name}": {
            "parameters": [{"name": "name", "in": "path", "required": True, "type": "string"}],
            "post": {
                "operationId": "send",
                "consumes": ["multipart/form-data"],
                "parameters": [
                    {"name": "count", "in": "query", "type": "integer", "default": 1, "description": "How many"},
                    {"name": "image", "in": "formData", "type": "file", "required": True, "description": "A picture"},
                ],
                "responses": {"200": {"description": "Read", "schema": {"$ref": "#/definitions/Answer"}}},
            },
        },
        "/answers": {
            "post": {
                "operationId": "ask",
                "parameters": [{"name": "payload", "in": "body", "schema": {"$ref": "#/definitions/Answer"}}],
                "responses": {"204": {"description": "Nothing"}},
            }
        },
    },
}
ANSWER = {"$ref": "#/components/schemas/Answer"}


def test_forms_and_raw_bodies() -> None:
    send = from_swagger(SWAGGER, {"send": ("image/png",)})["paths"]["/things/{name}"]["post"]
    content = send["requestBody"]["content"]
    assert content["image/png"]["schema"] == {"type": "string", "format": "binary"}
    form = content["multipart/form-data"]["schema"]
    assert form["required"] == ["image"]
    assert form["properties"]["image"]["items"] == {"type": "string", "format": "binary"}
    assert send["parameters"] == [
        {"name": "count", "in": "query", "description": "How many", "schema": {"type": "integer", "default": 1}}
    ]
    assert "consumes" not in send


def test_references_bodies_and_responses() -> None:
    described = from_swagger(SWAGGER, {})
    send, ask = described["paths"]["/things/{name}"]["post"], described["paths"]["/answers"]["post"]
    assert send["responses"]["200"] == {"description": "Read", "content": {"application/json": {"schema": ANSWER}}}
    assert ask["requestBody"] == {"required": True, "content": {"application/json": {"schema": ANSWER}}}
    assert ask["responses"] == {"204": {"description": "Nothing"}}
    assert described["components"]["schemas"] == {"Answer": {"type": "object"}}
    (name,) = described["paths"]["/things/{name}"]["parameters"]
    assert name["schema"] == {"type": "string"}


@pytest.mark.parametrize(("base", "server"), [("/", "/"), ("/digits", "/digits"), ("/digits/", "/digits")])
def test_behind_a_prefix(base: str, server: str) -> None:
    assert from_swagger(SWAGGER | {"basePath": base}, {})["servers"] == [{"url": server}]


def test_keys() -> None:
    definitions = {"api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
    described = from_swagger(SWAGGER | {"securityDefinitions": definitions, "security": [{"api_key": []}]}, {})
    assert described["components"]["securitySchemes"] == definitions
    assert described["security"] == [{"api_key": []}]
