"""The form of an exported graph, `NAME.onnx`: canonical digits in, logits out, normalisation inside.

It is what `training.export` writes and `core.onnx_engine` runs; no library here, so that neither pays for the other's.
"""

INPUT = "digits"
"""(N, 28, 28) uint8, light ink on black; any N."""

OUTPUT = "logits"
"""(N, 10) float32."""

STATE_DICT_SHA512 = "state_dict_sha512"
"""Metadata: SHA-512 of the bytes of the state dict that the graph was exported from, 128 hexadecimal digits."""
