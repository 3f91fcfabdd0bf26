"""The readiness probe: a picture whose digit is known, read through the whole pipeline."""

import logging
from functools import cache
from pathlib import Path

from core.model import ModelWrapper, Picture

logger = logging.getLogger(__name__)

CANARY_LABEL_ID = 3
CANARY_PIXELS = 112 * 112


@cache
def canary() -> Picture:
    """The picture, drawn by `samples/make_samples.py`: dark ink on light paper, so that no step is passed over."""
    return Picture(Path(__file__).with_name("canary.png").read_bytes(), "canary.png")


def can_read(wrapper: ModelWrapper) -> bool:
    """Tell whether the wrapper reads the canary rightly now; a failure is logged, never raised."""
    probe = ModelWrapper(wrapper.engine, wrapper.temperature, CANARY_PIXELS)  # the limit for clients may be smaller
    try:
        label_id = probe.read([canary()])[0].predictions[0].label_id
    except Exception:
        logger.exception("the canary could not be read")
        return False
    if label_id != CANARY_LABEL_ID:
        logger.error("the canary is a %d and was read as a %d", CANARY_LABEL_ID, label_id)
    return label_id == CANARY_LABEL_ID
