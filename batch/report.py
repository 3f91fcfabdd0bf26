"""What a job amounts to: a summary for people and one for programs, and the pictures that were read least surely."""

import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from math import ceil
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from batch.batches import printable
from batch.job import Outcome, ScoreJob
from batch.sources import Source, open_source
from batch.tally import Unsure
from core.errors import ServiceError
from core.image import CanonicalDigit, read_digit
from core.storage import open_folder

SUMMARY, SHEET = "_summary.json", "_least_sure.png"
NAMED = 10
"""Open keys that are printed; the summary has them all."""


def describe(job: ScoreJob, outcome: Outcome) -> dict[str, Any]:
    """Return the summary for programs."""
    tally = outcome.tally
    return {
        "source": job.source,
        "model": job.checkpoint.version,
        "complete": outcome.complete,
        "listed": outcome.listed,
        "scored": tally.scored,
        "rejected": dict(sorted(tally.rejected.items())),
        "labels": {str(label): tally.labels[label] for label in sorted(tally.labels)},
        "mean_probability": round(tally.probability / tally.scored, 6) if tally.scored else None,
        "least_sure": [
            {"key": printable(it.key), "label": it.label, "probability": round(it.probability, 6)}
            for it in tally.unsure
        ],
        "shards": sorted(outcome.shards),
        "open": [{"key": key, "reason": reason} for key, reason in outcome.open],
    }


def lines(outcome: Outcome, target: str) -> Iterator[str]:
    """Yield the summary for people."""
    tally = outcome.tally
    if outcome.found:
        yield f"{outcome.found:,} of {len(outcome.shards):,} shards were there already"
    if outcome.removed:
        yield f"{outcome.removed:,} shards of pictures or a model that are no more were removed"
    yield f"listed {outcome.listed:,} = scored {tally.scored:,} + rejected {tally.rejected.total():,}{_open(outcome)}"
    if tally.scored:
        yield "labels: " + ", ".join(f"{label} {tally.labels[label]:,}" for label in sorted(tally.labels))
        yield f"mean probability: {tally.probability / tally.scored:.4f}"
    if tally.rejected:
        yield "rejected: " + ", ".join(f"{code} {number:,}" for code, number in sorted(tally.rejected.items()))
    yield f"results: {target}"


def _open(outcome: Outcome) -> str:
    return f" + open {len(outcome.open):,}" if outcome.open else ""


def complaints(outcome: Outcome) -> Iterator[str]:
    """Yield what keeps a job from being complete; nothing where it is."""
    if outcome.complete:
        return
    yield f"not complete: {len(outcome.open):,} keys are open; the same command tries them again"
    for key, reason in outcome.open[:NAMED]:
        yield f"  {key}: {reason}"
    if len(outcome.open) > NAMED:
        yield f"  and {len(outcome.open) - NAMED:,} more: see {SUMMARY}"
    if outcome.stopped:
        yield "too many attempts failed in a row, so the rest of the source was not listed"


CELL, MARGIN, COLUMNS = 112, 8, 6
"""Side of a digit on the sheet and the space around it, in pixels; digits in a row."""

CAPTION = 34
"""Height of the two lines below a digit."""

PAPER, INK, PALE = "#ffffff", "#111111", "#666666"
LONGEST_KEY = 19
"""Characters of a key that a cell has room for."""


def contact_sheet(source: Source, unsure: Sequence[Unsure], max_pixels: int) -> bytes | None:
    """Return a PNG of digits as the network saw them, with label, probability and key; None where there are none.

    Args:
        source: Where the pictures are read again; one that is not as it was is left out.
        unsure: The pictures, in the order of the sheet.
        max_pixels: Largest picture that is decoded, width times height.
    """
    files = source.read_listed([picture.entry for picture in unsure]) if unsure else []
    cells = [(picture, _digit(file, max_pixels)) for picture, file in zip(unsure, files, strict=True)]
    known = [(picture, digit) for picture, digit in cells if digit is not None]
    if not known:
        return None
    width, height = CELL + 2 * MARGIN, CELL + CAPTION + 2 * MARGIN
    columns = min(COLUMNS, len(known))
    sheet = Image.new("RGB", (columns * width, ceil(len(known) / columns) * height), PAPER)
    for number, (picture, digit) in enumerate(known):
        row, column = divmod(number, columns)
        _draw(sheet, (column * width + MARGIN, row * height + MARGIN), picture, digit)
    file = BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()


def _digit(file: bytes | ServiceError, max_pixels: int) -> CanonicalDigit | None:
    if isinstance(file, ServiceError):
        return None
    try:
        return read_digit(file, max_pixels)
    except ServiceError:
        return None


def _draw(sheet: Image.Image, corner: tuple[int, int], picture: Unsure, digit: CanonicalDigit) -> None:
    left, top = corner
    seen = Image.fromarray(digit.pixels).resize((CELL, CELL), Image.Resampling.NEAREST)
    sheet.paste(seen, corner)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    pen.text((left, top + CELL + 2), f"{picture.label}  {picture.probability:.1%}", INK, font)
    key = printable(picture.key)
    short = key if len(key) <= LONGEST_KEY else f"…{key[-LONGEST_KEY + 1 :]}"
    pen.text((left, top + CELL + 19), short, PALE, ImageFont.load_default(11))


def write_report(job: ScoreJob, outcome: Outcome) -> None:
    """Write summary and contact sheet into the target."""
    source, target = open_source(job.source), open_folder(job.target)
    target.write(SUMMARY, json.dumps(describe(job, outcome), indent=2).encode() + b"\n")
    sheet = contact_sheet(source, outcome.tally.unsure, job.max_image_pixels)
    if sheet is not None:
        target.write(SHEET, sheet)
