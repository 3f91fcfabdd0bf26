"""The arrays that the steps hand on; only NumPy is imported here."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""A picture (H, W) or (H, W, 3), 0 to 255."""

Mask = NDArray[np.uint8]
"""(H, W), 1 on what is marked and 0 elsewhere."""

Floats = NDArray[np.float32]
"""Contrast, light or a picture between steps, (H, W) or (H, W, C)."""
