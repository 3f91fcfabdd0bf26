"""A small picture of each format and mode, drawn by the project's own pen, to be mutated."""

import io

import numpy as np
from PIL import Image

from samples.strokes import draw_digit, to_mnist_form
from tests.fuzz.bombs import chunk, many_frames, rle, save

_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
_TIFF_MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "LAB", "YCbCr")
_TIFF_COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4", "zstd", "lzma")


def _drawing() -> Image.Image:
    ink = draw_digit(5, np.random.default_rng(7), height=36)
    page = Image.new("L", (ink.shape[1] + 16, ink.shape[0] + 12), 255)
    page.paste(0, (8, 6), Image.fromarray(ink))
    return page


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    if mode == "LAB":
        return Image.merge("LAB", (image, image, image))
    return image.convert(mode)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def seeds() -> dict[str, bytes]:
    """By name, each a sound file."""
    image = _drawing()
    found = {f"png {mode}": save(_in_mode(image, mode), "PNG") for mode in _PNG_MODES}
    found["png of mnist's form"] = save(Image.fromarray(to_mnist_form(draw_digit(3, np.random.default_rng(7)))), "PNG")
    found["png with exif and text"] = (
        save(image, "PNG", exif=_exif())[:-12] + chunk(b"tEXt", b"a\0b") + chunk(b"IEND", b"")
    )
    found["apng"] = save(image, "PNG", save_all=True, append_images=[image.rotate(9)])
    for mode in ("L", "RGB", "CMYK"):
        found[f"jpeg {mode}"] = save(image.convert(mode), "JPEG", exif=_exif())
        found[f"progressive jpeg {mode}"] = save(image.convert(mode), "JPEG", progressive=True)
    for mode in ("1", "L", "P", "RGB"):
        found[f"bmp {mode}"] = save(image.convert(mode), "BMP")
        found[f"gif {mode}"] = save(image.convert(mode), "GIF")
    found["rle bmp"] = rle((64, 40), 8)
    found["animated gif"] = save(image, "GIF", save_all=True, append_images=[image.rotate(9)], transparency=0)
    for mode in ("RGB", "RGBA"):
        found[f"webp {mode}"] = save(image.convert(mode), "WEBP", exif=_exif())
        found[f"lossless webp {mode}"] = save(image.convert(mode), "WEBP", lossless=True)
    found["animated webp"] = save(image, "WEBP", save_all=True, append_images=[image.rotate(9)])
    for mode in _TIFF_MODES:
        found[f"tiff {mode}"] = save(_in_mode(image, mode), "TIFF")
    for compression in _TIFF_COMPRESSIONS:
        grey = image.convert("1" if compression.startswith("group") else "L")
        found[f"tiff {compression}"] = save(grey, "TIFF", compression=compression)
    found["tiff of two frames"] = save(image, "TIFF", save_all=True, append_images=[image])
    found["streamed tiff"] = save(Image.new("RGB", (3000, 3), 7), "TIFF", compression="tiff_lzw")
    found["streamed png"] = save(Image.fromarray(np.arange(9000, dtype=np.uint8).reshape(3, 3000)), "PNG")
    found["streamed webp"] = save(Image.new("RGB", (3100, 3), 7), "WEBP")
    return found


def polyglots() -> dict[str, bytes]:
    """Files that are several things at once."""
    found = seeds()
    png, gif, jpeg, tiff = (found[name] for name in ("png L", "gif L", "jpeg L", "tiff L"))
    html = b"<script>alert(1)</script>"
    return {
        "png and zip": png + b"PK\x03\x04" + bytes(99),
        "gif and script": gif[:6] + b"/*" + gif[8:] + b"*/=1;" + html,
        "jpeg in png": png[:33] + chunk(b"eXIf", jpeg) + png[33:],
        "png in jpeg": jpeg[:2] + b"\xff\xfe" + (len(png) + 2).to_bytes(2, "big") + png + jpeg[2:],
        "tiff and pdf": tiff + b"%PDF-1.7\n",
        "html": html,
        "empty gif": many_frames("GIF")[:13],
        "zip": io.BytesIO(b"PK\x05\x06" + bytes(18)).getvalue(),
    }
