"""How each server is started, as its own documentation has it; peers write no access log, ours does as by default."""

import json
import shutil
import subprocess  # nosec B404 # each call is looked at by itself
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers.processes import LOG_LINES, ServerFailed, free_port

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "benchmarks" / "peers"

WORKERS = 2
"""Server processes of each, one for each CPU of the machine that the targets are for."""

ARCHIVE_S = 60
"""Seconds that packing TorchServe's model may take."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one start of a server happens: its executables, its port, and an empty folder of its own."""

    executables: Path
    port: int
    folder: Path

    def program(self, name: str) -> str:
        """Path of one of its environment's programs."""
        return str(self.executables / name)

    def module(self, *arguments: str) -> list[str]:
        """A command that runs a module or a file with its environment's Python."""
        return [self.program("python"), *arguments]


def ours(place: Place) -> list[str]:
    """As the README has it: `python app.py`."""
    return place.module(str(ROOT / "app.py"))


def floor(place: Place) -> list[str]:
    """Our server's settings around the two floors."""
    config = ["--config", str(ROOT / "gunicorn.conf.py"), "--chdir", str(ROOT)]
    return place.module("-m", "gunicorn", *config, "benchmarks.peers.floors:app")


def reference(place: Place) -> list[str]:
    """Gunicorn with its default workers, sync ones, and not with our settings, which it would find in this folder."""
    config = place.folder / "gunicorn.conf.py"
    config.write_text("")
    options = [
        "--config",
        str(config),
        "--bind",
        f"127.0.0.1:{place.port}",
        "--workers",
        str(WORKERS),
        "--no-control-socket",
    ]
    return place.module("-m", "gunicorn", *options, "benchmarks.peers.reference_app:app")


def fastapi(place: Place) -> list[str]:
    """Uvicorn with two processes."""
    options = ["--port", str(place.port), "--workers", str(WORKERS), "--no-access-log"]
    return place.module("-m", "uvicorn", *options, "benchmarks.peers.fastapi_app:app")


def litserve(place: Place) -> list[str]:
    """Its own script: LitServe is configured in code."""
    return place.module(str(PEERS / "litserve_app.py"), str(place.port))


def bentoml(place: Place) -> list[str]:
    """`bentoml serve` of the service class."""
    options = ["--host", "127.0.0.1", "--port", str(place.port)]
    return place.module("-m", "bentoml", "serve", *options, "benchmarks.peers.bentoml_app:Digits")


def ray(place: Place) -> list[str]:
    """Its own script: a port of its own is set in code."""
    patience = "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S=60"  # the 5 s it has are too few for a busy machine
    return ["env", patience, *place.module(str(PEERS / "ray_app.py"), str(place.port), str(place.folder))]


def mlserver(place: Place) -> list[str]:
    """`mlserver start` on a folder with the two files of settings."""
    ports = {"http_port": place.port, "grpc_port": free_port(), "metrics_port": free_port()}
    settings = {"host": "127.0.0.1", "parallel_workers": WORKERS, "debug": False, "metrics_dir": str(place.folder)}
    model = {"name": "digits", "implementation": "benchmarks.peers.mlserver_runtime.DigitRuntime"}
    (place.folder / "settings.json").write_text(json.dumps(settings | ports))
    (place.folder / "model-settings.json").write_text(json.dumps(model))
    return [place.program("mlserver"), "start", str(place.folder)]


TORCHSERVE_CONFIG = """\
inference_address=http://127.0.0.1:{port}
management_address=http://127.0.0.1:{management}
metrics_address=http://127.0.0.1:{metrics}
default_workers_per_model={workers}
disable_token_authorization=true
model_store={folder}
load_models=digits=digits.mar
"""


def torchserve(place: Place) -> list[str]:
    """`torchserve --start` on the archive that its archiver has made.

    Raises:
        ServerFailed: There is no Java, or the archiver failed.
    """
    if shutil.which("java") is None:
        raise ServerFailed("did not start: no Java (Debian's default-jre-headless)")
    config = place.folder / "config.properties"
    ports = {"port": place.port, "management": free_port(), "metrics": free_port()}
    config.write_text(TORCHSERVE_CONFIG.format(workers=WORKERS, folder=place.folder, **ports))
    _archive(place, PEERS / "torchserve_handler.py")
    options = ["--start", "--foreground", "--ncs", "--model-store", str(place.folder), "--ts-config", str(config)]
    quiet = ["--log-config", str(PEERS / "torchserve-log4j2.xml")]
    return place.module("-m", "ts.model_server", *options, *quiet)


def _archive(place: Place, handler: Path) -> None:
    """Pack the model: the handler alone, as it finds the weights in the assets folder."""
    options = ["--model-name", "digits", "--version", "1.0", "--handler", str(handler), "--export-path"]
    command = place.module("-m", "model_archiver.model_packaging", *options, str(place.folder))
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=ARCHIVE_S)  # noqa: S603  ours  # nosec B603
    except subprocess.CalledProcessError as exc:
        raise ServerFailed("\n".join(exc.stderr.strip().splitlines()[-LOG_LINES:])) from exc
    except subprocess.TimeoutExpired as exc:
        raise ServerFailed(f"its archiver did not end within {ARCHIVE_S} s") from exc
