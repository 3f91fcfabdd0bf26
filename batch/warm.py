"""Imported by the process that activations are forked from, so that none of them imports it again.

Libraries put some of their imports off until they are needed: Pillow those of its formats, pyarrow that of pandas,
which it looks for at the first array and which takes longer to import than five hundred digits to read.
"""

import pyarrow as pa
from PIL import Image

Image.preinit()
pa.array([None])
