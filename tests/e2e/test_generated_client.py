"""A client that OpenAPI Generator makes of `/swagger.json` reads well and works."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.e2e.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

GENERATOR = Path(sys.executable).with_name("openapi-generator-cli")

PROGRAM = """
import sys
import digits_client as digits

client = digits.ApiClient(digits.Configuration(host=sys.argv[1]))
model, health, v2 = digits.ModelApi(client), digits.HealthApi(client), digits.V2Api(client)

assert health.get_live().status == health.get_ready().status == "ok"
assert model.get_labels().count == 10
metadata = model.get_metadata()

best = model.predict(image=[sys.argv[2]], top_k=3, explain="true").predictions[0]
assert (best.prediction, len(best.top_k)) == (7, 3)
assert best.seen.startswith("data:image/png;base64,")

try:
    model.predict(image=[__file__])
except digits.ApiException as error:
    assert error.status == 400
    assert "invalid_image" in error.body

assert v2.get_model_metadata(metadata.id).versions == [metadata.version]
row = [0.0] * 14 + [1.0] * 2 + [0.0] * 12
one = [0.0] * 28 * 5 + row * 18 + [0.0] * 28 * 5
tensor = digits.RequestTensor(name="digits", datatype="FP32", shape=[1, 28, 28], data=one)
answer = v2.infer_of_version(metadata.id, metadata.version, digits.InferenceRequest(inputs=[tensor]))
assert {output.name for output in answer.outputs} == {"label", "probabilities"}
print(int(answer.outputs[0].data[0]))
"""


def test_generated_client(url: str, tmp_path: Path) -> None:
    description = tmp_path / "swagger.json"
    description.write_text(requests.get(f"{url}/swagger.json", timeout=30).text)
    command: list[str | Path] = [
        GENERATOR,
        "generate",
        "-i",
        description,
        "-g",
        "python",
        "-o",
        tmp_path,
        "--package-name",
        "digits_client",
    ]
    made = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    arguments: list[str | Path] = [sys.executable, program, url, ROOT / "samples" / "7.png"]
    ran = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "1"
