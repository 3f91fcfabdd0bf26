"""From MNIST to weights: `python -m training --help`.

Layer rule: `training` imports `model` and `core`, nothing of `api`, `app` or `config`. The networks and the
normalisation are those that serve, so what is measured here is what is served.
"""
