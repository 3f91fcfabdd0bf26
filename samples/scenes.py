"""Paper, boards, light and camera: what lies around a digit in the pictures that people send.

Pictures are (H, W, 3) float64 from 0 to 1 until `to_image` rounds them; an ink mask is (H, W) float64, 0 bare to 1 covered.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from samples.strokes import Ink

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

Picture = NDArray[np.float64]
"""(H, W, 3) float64, 0 to 1."""

Mask = NDArray[np.float64]
"""(H, W) float64, 0 to 1."""


def sheet(width: int, height: int, colour: Colour) -> Picture:
    """An even surface."""
    return np.tile(np.array(colour) / 255, (height, width, 1))


def place(ink: Ink, width: int, height: int, left: int, top: int) -> Mask:
    """The ink somewhere on a surface; what falls outside is cut off."""
    canvas = Image.new("L", (width, height))
    canvas.paste(Image.fromarray(ink), (left, top))
    return np.asarray(canvas, dtype=np.float64) / 255


def centre(ink: Ink, width: int, height: int) -> Mask:
    """The ink in the middle of a surface."""
    return place(ink, width, height, (width - ink.shape[1]) // 2, (height - ink.shape[0]) // 2)


def write_on(picture: Picture, mask: Mask, colour: Colour, opacity: float = 1.0) -> Picture:
    """The picture with ink of a colour where the mask is; below opacity 1 the paper shines through."""
    cover = opacity * mask[..., None]
    return picture * (1 - cover) + np.array(colour) / 255 * cover


def rule(picture: Picture, spacing: float, tilt: float, colour: Colour, *, squared: bool = False) -> Picture:
    """Printed lines, `spacing` pixels apart and `tilt` radians off the horizontal; both ways on squared paper."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float64)
    mask = _lines(rows * np.cos(tilt) + columns * np.sin(tilt), spacing)
    if squared:
        mask = np.maximum(mask, _lines(columns * np.cos(tilt) - rows * np.sin(tilt), spacing))
    return write_on(picture, mask, colour, opacity=0.7)


def light(picture: Picture, rng: np.random.Generator, fall: float) -> Picture:
    """A lamp to one side: brightness falls smoothly by the share `fall` across the picture."""
    angle = rng.uniform(0.0, 2 * np.pi)
    rows, columns = _unit_grid(picture)
    along = rows * np.sin(angle) + columns * np.cos(angle)
    along = (along - along.min()) / (along.max() - along.min())
    return picture * (1 - fall * along**1.3)[..., None]


def shadow(picture: Picture, edge: float, angle: float, softness: float, depth: float) -> Picture:
    """The photographer's shadow: a soft edge, `edge` of the way across, beyond which the light is less by the share `depth`."""
    rows, columns = _unit_grid(picture)
    along = (rows - 0.5) * np.sin(angle) + (columns - 0.5) * np.cos(angle) + 0.5 - edge
    return picture * (1 - depth / (1 + np.exp(-along / softness)))[..., None]


def grain(picture: Picture, rng: np.random.Generator, strength: float, size: float = 0.0) -> Picture:
    """Noise of a standard deviation `strength`, the same in all channels, in specks of about `size` pixels."""
    noise = speckle(picture.shape[0], picture.shape[1], rng, size)
    return picture + strength * noise[..., None]


def speckle(height: int, width: int, rng: np.random.Generator, size: float) -> NDArray[np.float64]:
    """(H, W) noise of mean about 0 and standard deviation 1, in specks of about `size` pixels."""
    coarse = 1 + int(size)
    noise = rng.normal(size=(height // coarse + 2, width // coarse + 2))
    if coarse == 1:
        return noise[:height, :width]
    larger = Image.fromarray(noise.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    smooth = np.asarray(larger, dtype=np.float64)
    return smooth / smooth.std()


def chalk(mask: Mask, rng: np.random.Generator) -> Mask:
    """The mask as chalk leaves it: broken up by the board's roughness, more so at the edges of the stroke."""
    rough = 0.6 * speckle(*mask.shape, rng, 1) + 0.4 * speckle(*mask.shape, rng, 4)
    return mask * np.clip(0.85 - 0.28 * rough, 0.15, 1.0)


def smears(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """A wiped board: long faint smears."""
    streaks = speckle(picture.shape[0], picture.shape[1] // 8, rng, 14)
    wide = Image.fromarray(streaks.astype(np.float32)).resize(picture.shape[1::-1], Image.Resampling.BICUBIC)
    return picture + strength * np.asarray(wide, dtype=np.float64)[..., None]


def to_image(picture: Picture, blur: float = 0.0) -> Image.Image:
    """The picture as 8-bit RGB, seen through a lens that blurs by `blur` pixels."""
    image = Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(blur)) if blur else image


def to_grey(picture: Picture) -> NDArray[np.float64]:
    """(H, W) luma, ITU-R BT.601, 0 to 1."""
    return np.clip(picture, 0, 1) @ np.array([0.299, 0.587, 0.114])


def _lines(across: NDArray[np.float64], spacing: float) -> Mask:
    """A mask of lines two pixels wide, antialiased."""
    distance = np.abs((across + spacing / 2) % spacing - spacing / 2)
    return np.clip(1.5 - distance, 0.0, 1.0)


def _unit_grid(picture: Picture) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows and columns from 0 to 1, shaped to broadcast to (H, W)."""
    return np.linspace(0, 1, picture.shape[0])[:, None], np.linspace(0, 1, picture.shape[1])[None, :]
