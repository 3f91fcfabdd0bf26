"""Every setting of the service: name, type, default and one line of help, read from environment variables.

Only `app.py`, `gunicorn.conf.py` and command lines use this module; everything below them receives values.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.cache import cache_folder
from core.errors import StartError
from core.storage import is_bucket, is_url

API_TITLE = "MAX PyTorch MNIST"
API_DESC = "Reads handwritten digits in pictures of any size, colour and polarity."
API_VERSION = "1.0.0"

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable by which `prometheus_client` knows where processes share their metrics; set for each worker."""

CGROUP = Path("/sys/fs/cgroup")


class ConfigError(StartError):
    """A setting cannot be used; the message names the setting, the value and what was expected."""


def granted_cpus(cgroup: Path = CGROUP) -> int:
    """CPUs that this process may use: its affinity, cut to the quota of its cgroup (version 2 or 1); at least 1."""
    cpus = len(os.sched_getaffinity(0))
    quota = _quota_v2(cgroup) or _quota_v1(cgroup)
    return max(1, min(cpus, int(quota))) if quota else cpus


def _quota_v2(cgroup: Path) -> float | None:
    """CPUs by `cpu.max`, which holds "QUOTA PERIOD" in microseconds; None where nothing limits them."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _quota_v1(cgroup: Path) -> float | None:
    """CPUs by `cpu.cfs_quota_us`, which is -1 without a limit; None where nothing limits them."""
    try:
        quota = int((cgroup / "cpu" / "cpu.cfs_quota_us").read_text())
        period = int((cgroup / "cpu" / "cpu.cfs_period_us").read_text())
        return quota / period if quota > 0 else None
    except (OSError, ValueError):
        return None


def assets_cache() -> Path | None:
    """Return the folder that keeps fetched assets; None for a user without a home."""
    try:
        return cache_folder(os.environ) / "assets"
    except RuntimeError:
        return None


CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """The settings; each field is read from the environment variable of its name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    host: str = Field(
        "0.0.0.0",  # noqa: S104  # nosec B104 # a container's port is mapped from outside
        description="address to listen on",
    )
    port: int = Field(5000, ge=1, le=65535, description="port to listen on")
    workers: int = Field(
        default_factory=granted_cpus,
        ge=1,
        le=1024,
        description="server processes; by default the CPUs that the cgroup grants",
    )
    threads: int = Field(8, ge=1, le=1024, description="requests that one process takes in hand at once")
    engine: Literal["auto", "onnx", "torch"] = Field(
        "auto", description="what runs the network: `onnx`, `torch`, or `auto` for torch on a GPU and else onnx"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where it runs: `cpu`, `cuda`, or `auto` for the GPU if there is one"
    )
    assets_dir: Path | str = Field(Path("assets"), description="folder of the checkpoints, or `s3://BUCKET/PREFIX`")
    assets_sha512: str | None = Field(
        None,
        pattern="^[0-9a-fA-F]{128}$",
        description="SHA-512 of the `sha512sums.txt` that the checkpoints must come with; needed for a bucket",
    )
    model_name: str = Field(
        "digit-net",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="the checkpoint to serve, `NAME.pt` and `NAME.json`",
    )
    max_upload_bytes: int = Field(10 * 2**20, ge=1, description="largest request body")
    max_image_pixels: int = Field(
        50_000_000, ge=1, description="largest image, width times height; checked before decoding"
    )
    max_images: int = Field(256, ge=1, description="most images in one request")
    max_queue: int = Field(
        128, ge=0, description="requests that may wait for a thread of one process; one more is answered 503"
    )
    max_wait_s: float = Field(
        2.0,
        gt=0,
        le=600,
        allow_inf_nan=False,
        description="seconds that a request may wait for its turn before it is answered 503",
    )
    api_keys: CommaSeparated = Field(
        (), repr=False, description="keys, separated by commas; when set, requests must bear one"
    )
    api_keys_file: Path | None = Field(
        None,
        description="file of more keys, one a line; read again at SIGHUP, by which keys are changed without a restart",
    )
    cors_enable: bool = Field(False, description="answer browsers of other origins")
    cors_origins: CommaSeparated = Field(("*",), description="those origins, separated by commas")
    disable_web_app: bool = Field(False, description="do not serve the web page at `/app/`")
    metrics_open: bool = Field(True, description="serve `/metrics` without a key, even if keys are set")
    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        pattern="^https?://",
        description="address of an OpenTelemetry collector (OTLP over HTTP); when set, traces are sent there",
    )
    log_level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        "info", description="least severe line logged: `debug`, `info`, `warning`, `error` or `critical`"
    )
    log_format: Literal["text", "json"] = Field("text", description="form of the log's lines: `text` or `json`")
    debug: bool = Field(False, description="serve with Flask's reloader instead of gunicorn, on loopback only")
    debug_anywhere: bool = Field(False, description="let `DEBUG` listen on any `HOST`")

    @field_validator("engine", "device", "log_level", "log_format", mode="before")
    @classmethod
    def _ignore_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("assets_dir", mode="before")
    @classmethod
    def _tell_folder_from_url(cls, value: Any) -> Any:
        if not is_url(value):
            return Path(value)
        if not is_bucket(value):
            raise PydanticCustomError("no_place", "input should be a folder or s3://BUCKET/PREFIX")
        return value

    @field_validator("api_keys", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        parts = tuple(part.strip() for part in value.split(",") if part.strip())
        if not parts:  # which would let everybody in, where somebody seems to have meant a few
            raise PydanticCustomError("nothing_between_commas", "input should hold something between its commas")
        return parts


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigError: One or more settings cannot be used; one line names them all.
    """
    try:
        return Settings()
    except ValidationError as exc:
        raise ConfigError("; ".join(_explain(error["loc"][0], error["msg"]) for error in exc.errors())) from exc


def _explain(field: int | str, expected: str) -> str:
    """One bad setting, such as: PORT='http' is not usable: input should be a valid integer."""
    setting = str(field).upper()
    return f"{setting}={os.environ.get(setting)!r} is not usable: {expected[0].lower()}{expected[1:]}"
