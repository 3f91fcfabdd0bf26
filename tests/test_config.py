from pathlib import Path

import pytest

from config import ConfigError, Settings, assets_cache, granted_cpus, load_settings

README = Path(__file__).parents[1] / "README.md"

CHANGED = {
    "host": ("127.0.0.1", "127.0.0.1"),
    "port": ("8080", 8080),
    "workers": ("3", 3),
    "threads": ("4", 4),
    "engine": ("TORCH", "torch"),
    "device": ("cpu", "cpu"),
    "assets_dir": ("/data/assets", Path("/data/assets")),
    "assets_sha512": ("AB" * 64, "AB" * 64),
    "model_name": ("mnist-classifier", "mnist-classifier"),
    "max_upload_bytes": ("1000", 1000),
    "max_image_pixels": ("1000", 1000),
    "max_images": ("2", 2),
    "max_queue": ("7", 7),
    "max_wait_s": ("0.5", 0.5),
    "api_keys": ("a, b,,", ("a", "b")),
    "api_keys_file": ("/run/secrets/keys", Path("/run/secrets/keys")),
    "cors_enable": ("true", True),
    "cors_origins": ("https://a.example,https://b.example", ("https://a.example", "https://b.example")),
    "disable_web_app": ("true", True),
    "metrics_open": ("no", False),
    "otel_exporter_otlp_endpoint": ("http://localhost:4318", "http://localhost:4318"),
    "log_level": ("Warning", "warning"),
    "log_format": ("json", "json"),
    "debug": ("1", True),
    "debug_anywhere": ("yes", True),
}
"""For every setting, a text that its environment variable may hold, and the value that it stands for."""

BAD = [
    ("PORT", "http", "integer"),
    ("PORT", "0", "1"),
    ("PORT", "65536", "65535"),
    ("WORKERS", "0", "1"),
    ("WORKERS", "two", "integer"),
    ("THREADS", "-1", "1"),
    ("ENGINE", "tensorflow", "'auto'"),
    ("DEVICE", "tpu", "'cuda'"),
    ("ASSETS_DIR", "gs://bucket/x", "s3://BUCKET/PREFIX"),
    ("ASSETS_DIR", "s3:///x", "s3://BUCKET/PREFIX"),
    ("ASSETS_SHA512", "adc3a5c968ac", "{128}"),
    ("MODEL_NAME", "../secrets", "pattern"),
    ("MAX_UPLOAD_BYTES", "10MB", "integer"),
    ("MAX_IMAGE_PIXELS", "0", "1"),
    ("MAX_IMAGES", "0", "1"),
    ("MAX_QUEUE", "-1", "0"),
    ("MAX_WAIT_S", "nan", "finite"),
    ("MAX_WAIT_S", "0", "greater than 0"),
    ("API_KEYS", " , ", "hold something"),
    ("CORS_ORIGINS", ",", "hold something"),
    ("CORS_ENABLE", "maybe", "boolean"),
    ("METRICS_OPEN", "perhaps", "boolean"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "https?://"),
    ("LOG_LEVEL", "loud", "'debug'"),
    ("LOG_FORMAT", "xml", "'json'"),
    ("DEBUG", "2", "boolean"),
]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_every_setting_is_tried() -> None:
    assert set(CHANGED) == set(Settings.model_fields)


@pytest.mark.parametrize("name", CHANGED)
def test_setting_is_read_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = CHANGED[name]
    assert getattr(load_settings(), name) != value
    monkeypatch.setenv(name.upper(), text)
    assert getattr(load_settings(), name) == value


def test_assets_may_lie_in_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSETS_DIR", "s3://bucket/some/prefix")
    assert load_settings().assets_dir == "s3://bucket/some/prefix"


def test_empty_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert load_settings().port == 5000


@pytest.mark.parametrize(("name", "text", "expected"), BAD)
def test_bad_value_names_setting_value_and_what_was_expected(
    name: str, text: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    message = str(caught.value)
    assert message.startswith(f"{name}={text!r} is not usable: ")
    assert expected in message
    assert "\n" not in message


def test_keys_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", "hush")
    assert "hush" not in repr(load_settings())


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "200000 100000"}, 2),
        ({"cpu.max": "150000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "1600000 100000"}, 8),
        ({"cpu.max": "garbage"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
    ],
)
def test_granted_cpus(files: dict[str, str], cpus: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(8)))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert granted_cpus(tmp_path) == cpus


@pytest.mark.parametrize(
    ("base", "folder"),
    [("/var/cache", "/var/cache"), ("", "/home/somebody/.cache"), ("relative", "/home/somebody/.cache")],
)
def test_the_cache_is_where_xdg_says(base: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", base)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert assets_cache() == Path(folder, "max-pytorch-mnist", "assets")


def test_workers_are_the_granted_cpus() -> None:
    assert load_settings().workers == granted_cpus()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_setting_is_documented(name: str) -> None:
    field = Settings.model_fields[name]
    (row,) = [line for line in README.read_text().splitlines() if line.startswith(f"| `{name.upper()}` ")]
    assert str(field.description) in row
