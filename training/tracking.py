"""Runs, their figures and their models in MLflow, where `MLFLOW_TRACKING_URI` names a server.

MLflow is an extra, requirements-mlflow.txt, and imported only then. It must answer when a run starts; what it does not
take later is warned of, as hours of training are worth more than their record.
"""

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.storage import Folder
from model.description import Description
from training.errors import TrackingError
from training.registry import register
from training.watch import Epoch, Watcher

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

EXPERIMENT = "max-pytorch-mnist"
"""Where runs are listed, unless MLFLOW_EXPERIMENT_NAME says otherwise."""

DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Settings of MLflow's own: it tells nobody of its use, prints nothing, and does not wait long for a server."""

RUN_TAG = "run"
"""Holds what tells a run's settings from others, by which one that was killed is found again."""

MOST_METRICS, MOST_PARAMS = 1000, 100
"""That MLflow takes at once."""

STATES = {"failed": "FAILED", "interrupted": "KILLED"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrackingServer:
    """Where MLflow is.

    Attributes:
        uri: As MLFLOW_TRACKING_URI has it.
        experiment: Name of the experiment; made where there is none.
    """

    uri: str
    experiment: str = EXPERIMENT


def connect(server: TrackingServer) -> "tuple[MlflowClient, str]":
    """Return a client of a server that answers, and the experiment's identifier there.

    Raises:
        TrackingError: MLflow is not installed, or the server does not answer.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except ImportError as exc:
        raise TrackingError("MLFLOW_TRACKING_URI: needs `pip install -r requirements-mlflow.txt`, or unset it") from exc
    try:
        client = MlflowClient(server.uri, server.uri)
        found = client.get_experiment_by_name(server.experiment)
        return client, found.experiment_id if found else client.create_experiment(server.experiment)
    except Exception as exc:  # MLflow passes on the errors of requests, urllib3 and its stores
        raise TrackingError(f"MLFLOW_TRACKING_URI: no MLflow server can be used there ({_reason(exc)})") from exc


class Tracker(Watcher):
    """Tells MLflow of a run: settings, figures of each epoch, those of the weights, files, and the model."""

    def __init__(
        self, server: TrackingServer, output: Folder, name: str, run: str, settings: Mapping[str, object]
    ) -> None:
        """Take the server, the folder and name of the weights, and the run's settings with what tells them apart."""
        self._server, self._output, self._name = server, output, name
        self._run, self._settings = run, settings
        self._waiting: list[Metric] = []
        self._epoch = 0

    def begin(self, epoch: int) -> None:
        """Find the run of MLflow that goes on, or make one.

        Raises:
            TrackingError: The server does not answer.
        """
        self._epoch = epoch
        self._client, experiment = connect(self._server)
        with _answering():
            self._id = (self._unfinished(experiment) if epoch else None) or self._create(experiment)
            self._log_settings()
        logger.info("MLflow: run %s of experiment %s", self._id, self._server.experiment)

    def _log_settings(self) -> None:
        from mlflow.entities import Param

        settings = [Param(name, str(value)) for name, value in _flat(self._settings)]
        for start in range(0, len(settings), MOST_PARAMS):
            self._client.log_batch(self._id, params=settings[start : start + MOST_PARAMS])

    def _unfinished(self, experiment: str) -> str | None:
        found = self._client.search_runs(
            [experiment], f"tags.`{RUN_TAG}` = '{self._run}'", max_results=1, order_by=["attributes.start_time DESC"]
        )
        if not found or found[0].info.status == "FINISHED":
            return None
        self._client.update_run(found[0].info.run_id, status="RUNNING")
        return str(found[0].info.run_id)

    def _create(self, experiment: str) -> str:
        run = self._client.create_run(experiment, tags={RUN_TAG: self._run}, run_name=self._name)
        return str(run.info.run_id)

    def note(self, epoch: Epoch) -> None:
        """Log the epoch's figures, and those before that the server did not take."""
        self._epoch = epoch.epoch
        names = ("loss", "validation_loss", "validation_errors", "learning_rate", "seconds", "images_per_second")
        self._log({name: getattr(epoch, name) for name in names})

    def finish(self, description: Description) -> None:
        """Log the figures and files of the weights, and register the model under their name."""
        figures = {name: value for name, value in description.metrics.items() if not isinstance(value, str)}
        self._log({name: float(value) for name, value in figures.items()} | {"temperature": description.temperature})
        with _spared("the model"):
            version = register(self._client, self._id, self._output, self._name)
            logger.info("MLflow: registered as version %s of %s", version, self._name)
        with _spared("the end of the run"):
            self._client.set_terminated(self._id, "FINISHED")

    def stop(self, state: str, reason: str) -> None:
        """Mark the run as killed or failed, and say why."""
        with _spared("the end of the run"):
            self._client.set_tag(self._id, "reason", reason)
            self._client.set_terminated(self._id, STATES[state])

    def _log(self, figures: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [Metric(name, value, now, self._epoch) for name, value in figures.items()]
        with _spared("some figures"):
            while self._waiting:
                self._client.log_batch(self._id, metrics=self._waiting[:MOST_METRICS])
                del self._waiting[:MOST_METRICS]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield settings and those within them, by names such as `recipe.augmentation.degrees`."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except Exception as exc:  # as in `connect`
        raise TrackingError(f"MLFLOW_TRACKING_URI: the MLflow server refuses the run ({_reason(exc)})") from exc


@contextmanager
def _spared(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as exc:  # as in `connect`
        logger.warning("MLflow: %s could not be logged, training goes on (%s)", what, _reason(exc))


def _reason(exc: Exception) -> str:
    """Return what happened in one line, without the password that an address may hold."""
    text = re.sub(r"//[^/@\s]*@", "//", " ".join(str(exc).split()))
    return f"{type(exc).__name__}: {text[:200]}"
