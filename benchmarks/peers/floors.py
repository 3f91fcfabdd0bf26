"""Two floors for our own server: what its stack costs before any picture is decoded.

    gunicorn --config gunicorn.conf.py benchmarks.peers.floors:app

`/parse` reads the upload as the service does, with its class of requests and its limits, and answers a constant;
`/empty` answers at once.
"""

from flask import Flask, Response, request

from api.journal import Journal
from api.metrics import Metrics, attach_metrics
from api.service import Service, attach_service
from api.uploads import SPARE_PARTS, UploadRequest, read_pictures
from config import API_VERSION, load_settings
from core.checkpoint import load_checkpoint
from core.engine import load_engine
from core.gate import Gate
from core.model import ModelWrapper

ANSWER = b'{"status": "ok", "predictions": [{"prediction": 7, "probability": 0.9998}]}\n'

settings = load_settings()
app = Flask(__name__, static_folder=None, template_folder=None)
app.request_class = UploadRequest
checkpoint = load_checkpoint(settings.assets_dir, settings.model_name)
wrapper = ModelWrapper(load_engine(checkpoint), checkpoint.description.temperature, settings.max_image_pixels)
service = Service(checkpoint, wrapper, Gate(settings.max_wait_s, settings.max_queue), settings.max_images)
attach_service(app, service)  # the worker asks it for its bounds
attach_metrics(app, Metrics(service, API_VERSION))
app.wsgi_app = Journal(app.wsgi_app, [])  # type: ignore[method-assign]  # nobody is told
app.config.update(MAX_CONTENT_LENGTH=settings.max_upload_bytes, MAX_FORM_PARTS=settings.max_images + SPARE_PARTS)


@app.post("/parse")
def parse() -> Response:
    """Read the pictures of a request and answer a constant."""
    read_pictures(request, settings.max_images)
    return Response(ANSWER, mimetype="application/json")


@app.get("/empty")
def empty() -> Response:
    """Answer a constant."""
    return Response(ANSWER, mimetype="application/json")
