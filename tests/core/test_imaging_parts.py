import io
import struct

import pytest
from PIL import Image

from core.errors import InvalidImage
from core.imaging.parts import MOST_PARTS, count_scans, is_lossless_webp, needed_parts
from tests.fuzz.bombs import SMALL_TIFF, chunk, save, tiff

GREY = Image.linear_gradient("L").resize((30, 20))
PNG = save(GREY, "PNG")
JPEG = save(GREY, "JPEG")
GIF = save(GREY, "GIF")
FIRST_CHUNK = 33


def pixels(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).tobytes()


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_a_plain_file_is_handed_on_as_it_is(image_format: str) -> None:
    data = save(GREY, image_format)
    assert needed_parts(data) is data


def test_a_png_keeps_what_its_pixels_need() -> None:
    spare = [chunk(b"tEXt", b"a\0b"), chunk(b"iCCP", b"x\0\0"), PNG[8:FIRST_CHUNK], chunk(b"eXIf", bytes(70_000))]
    assert needed_parts(PNG[:FIRST_CHUNK] + b"".join(spare) + PNG[FIRST_CHUNK:] + b"tail") == PNG


def test_a_png_keeps_its_palette_and_the_way_up() -> None:
    palette = save(GREY.convert("P"), "PNG", transparency=3, exif=Image.Exif())
    upright = palette[:FIRST_CHUNK] + chunk(b"eXIf", b"II\x2a\x00") + palette[FIRST_CHUNK:]
    assert needed_parts(upright) == upright


def test_a_jpeg_keeps_what_its_pixels_need() -> None:
    segments = b"\xff\xe2\x00\x06MPF\x00" + b"\xff\xfe\x00\x03x" + b"junk\xff\xff" + b"\xff\xd0"
    assert needed_parts(JPEG[:2] + segments + JPEG[2:]) == JPEG


def test_a_jpeg_keeps_one_piece_of_exif() -> None:
    exif = b"\xff\xe1\x00\x0aExif\x00\x00II"
    assert needed_parts(JPEG[:2] + exif + exif + JPEG[2:]) == JPEG[:2] + exif + JPEG[2:]


@pytest.mark.parametrize(
    "data",
    [
        PNG[:FIRST_CHUNK] + chunk(b"IDAT", b"") * (MOST_PARTS + 1) + PNG[FIRST_CHUNK:],
        JPEG[:2] + b"\xff\xe4\x00\x02" * (MOST_PARTS + 1) + JPEG[2:],
        JPEG[:2] + (b"\xff\xdb\xff\xff" + bytes(0xFFFD)) * 5 + JPEG[2:],
        GIF[:13] + b"!\xfe" + b"\x01x" * MOST_PARTS + b"\0" + GIF[13:],
        tiff((tag, 4, 1, 0) for tag in range(2000)),
        tiff([])[:6],
        b"MM\x00\x2b\x00\x08\x00\x00",
    ],
    ids=["chunks", "segments", "tables", "blocks", "tags", "no directory", "big-endian BigTIFF"],
)
def test_too_many_parts_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage, match="not a readable"):
        needed_parts(data)


def test_a_tiff_loses_long_and_unknown_tags_and_further_frames() -> None:
    tags = [*SMALL_TIFF, (282, 5, 2**20, 200), (34665, 4, 1, 8)]
    data = needed_parts(tiff(tags, bytes(64), following=8))
    kinds = {tag: (kind, count) for tag, kind, count, _ in struct.iter_unpack("<HHII", data[10 : 10 + 12 * len(tags)])}
    assert kinds[282] == kinds[34665] == (1, 0)
    assert kinds[256] == (3, 1)
    assert data[10 + 12 * len(tags) :][:4] == bytes(4)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"big_tiff": True}])
def test_a_tiff_shows_the_same_pixels(options: dict[str, object]) -> None:
    data = save(GREY, "TIFF", **options)
    assert pixels(needed_parts(data)) == pixels(data)


def test_scans_are_counted_up_to_the_end_of_the_picture() -> None:
    start = JPEG.index(b"\xff\xda") + 4
    assert count_scans(JPEG, start) == 1
    assert count_scans(JPEG + JPEG, start) == 1  # a preview behind the picture, as phones write
    progressive = save(GREY, "JPEG", progressive=True)
    assert count_scans(progressive, progressive.index(b"\xff\xda") + 4) > 3


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("frames", [1, 2])
def test_a_webp_tells_how_it_is_coded(lossless: bool, frames: int) -> None:
    more = [GREY.rotate(9 * number).convert("RGB") for number in range(1, frames)]
    data = save(GREY.convert("RGB"), "WEBP", lossless=lossless, save_all=True, append_images=more)
    assert is_lossless_webp(data) == lossless
    assert not is_lossless_webp(data[:14])
