"""What happens to one batch of images, from bytes to calibrated predictions.

Layer rule: `core` may import `model`; it never imports Flask, `api`, `app` or `config`. Everything it needs it receives
as values.
"""
