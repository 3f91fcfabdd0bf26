import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.checkpoint import load_checkpoint
from core.engine import load_engine
from core.image import read_digit
from core.model import ModelWrapper, Picture
from samples.glyphs import GLYPHS
from samples.make_samples import CANARY, CANARY_DIGIT, SAMPLES, make
from samples.scenes import INKS, noise, paper, photograph, rule_lines, shade, write_on
from samples.strokes import Hand, draw_digit, to_mnist_form

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "samples"
CANARY_FILE = ROOT / "core" / "canary.png"
PLAIN = [FOLDER / f"{digit}.png" for digit in range(10)]
LOSSY = (".jpg", "8-red-on-yellow.webp")
MAX_PIXELS = 2_000_000
MAX_BYTES = 150_000
MAX_FOLDER_BYTES = 1_000_000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def load(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def names() -> list[str]:
    return sorted(path.name for path in FOLDER.iterdir() if path.name[0].isdigit())


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the script makes, run as users run it, from a folder that is not the project's."""
    folder = tmp_path_factory.mktemp("samples")
    command = [sys.executable, str(FOLDER / "make_samples.py"), "--output", ".", "--canary", "canary.png"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def wrapper() -> ModelWrapper:
    checkpoint = load_checkpoint(ROOT / "assets", "digit-net")
    return ModelWrapper(load_engine(checkpoint, "cpu"), checkpoint.description.temperature, MAX_PIXELS)


def test_the_folder_holds_what_the_script_makes() -> None:
    assert names() == sorted(SAMPLES)


def test_every_digit_is_among_the_plain_and_among_the_other_pictures() -> None:
    others = [name for name in SAMPLES if len(Path(name).stem) > 1]
    assert {name[0] for name in others} == set("0123456789")
    assert all(path.name in SAMPLES for path in PLAIN)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_script_makes_the_same_picture_again(remade: Path, name: str) -> None:
    ours, again = FOLDER / name, remade / name
    if name.endswith(LOSSY):
        assert dict(load(ours).getexif()) == dict(load(again).getexif())
        assert load(ours).tobytes() == load(again).tobytes()
    else:
        assert ours.read_bytes() == again.read_bytes()


def test_the_script_makes_the_same_canary_again(remade: Path) -> None:
    assert CANARY_FILE.read_bytes() == (remade / "canary.png").read_bytes()


def test_a_seed_makes_a_picture_and_another_seed_another(tmp_path: Path) -> None:
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        make(tmp_path / str(seed) / "canary.png", replace(CANARY, seed=seed), CANARY_DIGIT)
    first, second = ((tmp_path / str(seed) / "canary.png").read_bytes() for seed in (0, 1))
    assert first == CANARY_FILE.read_bytes() != second


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_plain_pictures_have_mnist_form_and_pass_as_they_are(path: Path) -> None:
    image = load(path)
    assert (image.format, image.mode, image.size) == ("PNG", "L", (28, 28))
    pixels = np.asarray(image)
    rows, columns = np.nonzero(pixels)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
    assert pixels.max() == 255
    middle = [(pixels.sum(axis=axis) * (np.arange(28) + 0.5)).sum() / pixels.sum() for axis in (0, 1)]
    assert middle == pytest.approx([14, 14], abs=0.52)
    digit = read_digit(path.read_bytes(), MAX_PIXELS)
    assert digit.adjustments == ()
    assert np.array_equal(digit.pixels, pixels)


@pytest.mark.parametrize(
    "path", [*(FOLDER / name for name in sorted(SAMPLES)), CANARY_FILE], ids=lambda path: path.name
)
def test_the_shipped_network_reads_what_the_name_says(wrapper: ModelWrapper, path: Path) -> None:
    label_id = CANARY_DIGIT if path == CANARY_FILE else int(path.name[0])
    best = wrapper.read([Picture(path.read_bytes(), path.name)])[0].predictions[0]
    assert best.label_id == label_id
    assert best.probability > 0.9


def test_exif_pictures_are_stored_turned() -> None:
    orientations = {name: load(FOLDER / name).getexif().get(0x0112) for name in SAMPLES if "exif" in name}
    assert orientations == {"6-upside-down-exif.jpg": 3, "9-sideways-exif.jpg": 6}


def test_pictures_are_small() -> None:
    sizes = [(FOLDER / name).stat().st_size for name in SAMPLES]
    assert max(sizes) < MAX_BYTES
    assert sum(sizes) < MAX_FOLDER_BYTES
    for name in SAMPLES:
        width, height = load(FOLDER / name).size
        assert width * height < MAX_PIXELS


def test_the_readme_names_every_picture() -> None:
    text = (FOLDER / "README.md").read_text()
    assert [name for name in SAMPLES if len(Path(name).stem) > 1 and f"| `{name}` |" not in text] == []


@pytest.mark.parametrize("digit", range(10))
def test_every_way_of_writing_gives_mnist_form(digit: int) -> None:
    for way in range(len(GLYPHS[digit])):
        ink = draw_digit(digit, rng(), way=way)
        assert ink.dtype == np.uint8
        assert all(ink[edge].any() for edge in ((0,), (-1,), (..., 0), (..., -1)))  # cropped to the ink
        small = to_mnist_form(ink)
        assert small.shape == (28, 28)
        assert small.max() == 255


def test_one_state_draws_one_digit() -> None:
    assert np.array_equal(draw_digit(5, rng(1)), draw_digit(5, rng(1)))
    assert not np.array_equal(to_mnist_form(draw_digit(5, rng(1))), to_mnist_form(draw_digit(5, rng(2))))


def test_height_and_width_of_the_pen_are_as_asked() -> None:
    thin, thick = (draw_digit(0, rng(), height=200, hand=Hand(width=width), way=0) for width in (0.05, 0.2))
    assert thin.shape[0] == pytest.approx(200, abs=25)
    assert thick.mean() > 2 * thin.mean()


def test_no_ink_is_an_error() -> None:
    with pytest.raises(ValueError, match="no ink"):
        to_mnist_form(np.zeros((20, 20), dtype=np.uint8))


def test_there_is_no_eleventh_digit() -> None:
    with pytest.raises(KeyError):
        draw_digit(10, rng())


def test_ink_off_the_page_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        write_on(paper((50, 50), rng()), draw_digit(3, rng(), height=80), (0.5, 0.5), INKS["blue"], rng())


def test_ink_lies_where_it_is_put() -> None:
    page = write_on(np.ones((100, 200, 3)), np.full((10, 20), 255, np.uint8), (0.25, 0.5), (0, 0, 0), rng())
    assert page[45:55, 40:60].max() == 0
    assert page.sum() == 3 * (100 * 200 - 10 * 20)


def test_lines_are_as_far_apart_as_asked() -> None:
    page = rule_lines(np.ones((100, 30, 3)), 20)
    dark = np.flatnonzero(page[:, 0, 0] < 0.8)
    assert {int(row) // 20 * 20 for row in dark + 1} == {0, 20, 40, 60, 80}
    assert np.array_equal(
        rule_lines(np.ones((100, 30, 3)), 20, axes=(0, 1))[5], rule_lines(np.ones((1, 30, 3)), 20, (1,))[0]
    )


def test_shadow_takes_the_light_asked_for() -> None:
    page = np.ones((60, 80, 3))
    lit, shaded = (shade(page, rng(), fall_off=0.0, shadow=shadow) for shadow in (0.0, 0.5))
    assert (shaded / lit).min() == pytest.approx(0.5, abs=0.01)
    assert (shaded / lit).max() == pytest.approx(1.0, abs=0.01)


def test_a_photo_keeps_the_size_and_fills_the_frame() -> None:
    picture = photograph(np.ones((60, 80, 3)), rng(), tilt=0.1, sensor_noise=0.0)
    assert picture.size == (80, 60)
    assert set(np.unique(np.asarray(picture))) == {
        235
    }  # 0.92 of white everywhere, no black corner from outside the page


def test_noise_has_mean_0_and_deviation_1() -> None:
    field = noise((50, 70), 5, rng())
    assert field.shape == (50, 70)
    assert (field.mean(), field.std()) == pytest.approx((0, 1), abs=1e-6)
