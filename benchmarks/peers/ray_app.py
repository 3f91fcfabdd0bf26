"""Ray Serve: https://docs.ray.io/en/latest/serve/http-guide.html and .../serve/configure-serve-deployment.html.

serve run --working-dir . benchmarks.peers.ray_app:app    # or, with a port of its own:
python benchmarks/peers/ray_app.py PORT FOLDER
"""

import sys
from typing import Any

import ray
from fastapi import FastAPI, UploadFile
from ray import serve
from ray.serve.schema import LoggingConfig

from benchmarks.peers.digits import Reader

CPUS = 2

api = FastAPI()


@serve.deployment(
    num_replicas=2, ray_actor_options={"num_cpus": 1}, logging_config=LoggingConfig(enable_access_log=False)
)
@serve.ingress(api)
class Digits:
    """One replica with a network of its own."""

    def __init__(self) -> None:
        self.reader = Reader()

    @api.post("/predict")
    async def predict(self, image: UploadFile) -> dict[str, Any]:
        """Read the digit in the field `image`."""
        return self.reader.read(await image.read())


app = Digits.bind()  # type: ignore[attr-defined]  # the decorator adds it

if __name__ == "__main__":
    port, folder = int(sys.argv[1]), sys.argv[2]
    ray.init(num_cpus=CPUS, include_dashboard=False, _temp_dir=folder)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(app, blocking=True)
