"""How each network is trained by default: the one place for these numbers."""

import re
from dataclasses import dataclass, field

from model.description import MNIST_MEAN, MNIST_STD
from training.augment import Augmentation


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, the data and the machine aside.

    Attributes:
        architecture: A name in `model.networks.NETWORKS`.
        mean: Subtracted from pixels scaled to 0..1; `std` divides what is left.
        std: See `mean`.
        epochs: Of as many steps as the training digits fill batches.
        visited: Share of the digits from one choice of `training.focus` to the next. 1 visits each once an epoch, but
            for a few that do not fill a batch.
        batch_size: Digits a step.
        lr: Highest learning rate of the one-cycle schedule, of AdamW.
        muon_lr: The same of Muon, see `training.optimise`; with 0 AdamW moves all weights.
        weight_decay: Of both.
        label_smoothing: Share of the target spread over all classes, 0 to 1.
        ema_decay: Of the running average of the weights, which is what is measured and kept.
        sent: Of the training digits, how many are also shown as they come back from pictures, see `training.sent`.
        synthetic: Drawn digits in each step, beside MNIST's.
        outliers: Pictures in each step that are no digits.
        outlier_weight: Of their loss beside the digits'.
        seed: Of the weights, the order and the augmentation.
        augmentation: Strengths of the random changes.
        light_share: Share of MNIST's digits that get the changes of `LIGHT` instead, as most of what is sent is neat.
        quantised: Whether the weights are kept in whole numbers, see `training.quantise`; for `DigitNet` only.
        max_test_error_percent: Weights that misread a larger share of the test set are not kept.
    """

    architecture: str = "DigitNet"
    mean: float = MNIST_MEAN
    std: float = MNIST_STD
    epochs: int = 10
    visited: float = 1.0
    batch_size: int = 128
    lr: float = 4e-3
    muon_lr: float = 0.0
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    ema_decay: float = 0.999
    sent: int = 0
    synthetic: int = 0
    outliers: int = 0
    outlier_weight: float = 0.05
    seed: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)
    light_share: float = 0.0
    quantised: bool = False
    max_test_error_percent: float = 0.6


GENTLE = Augmentation(
    degrees=8.0, scale=0.08, shift=0.08, shear=0.1, elastic=0.0, brush=0.0, cut=0.0, coarse=0.0, specks=0.0
)
"""For networks too small to learn the strong changes and the digits as well."""

LIGHT = Augmentation(
    degrees=10.0, scale=0.1, shift=0.05, shear=0.15, elastic=0.02, brush=0.1, cut=0.0, coarse=0.0, specks=0.0
)
"""For the larger part of what is sent, which is neat."""

RECIPES = {
    recipe.architecture: recipe
    for recipe in (
        Recipe(
            epochs=120,
            visited=1 / 3,
            batch_size=256,
            lr=6e-3,
            muon_lr=0.02,
            weight_decay=0.05,
            ema_decay=0.999,
            sent=27_500,
            synthetic=10,
            outliers=20,
            outlier_weight=0.06,
            light_share=0.5,
            quantised=True,
            max_test_error_percent=0.35,
        ),
        # normalised as its published checkpoint is; nobody published its error, so the limit is ours
        Recipe("MyConvNet", mean=0.5, std=0.5, lr=1e-2, augmentation=GENTLE, max_test_error_percent=2.0),
        # the limits of the next two are their published errors
        Recipe("KerasSimpleNet", lr=2e-3, augmentation=GENTLE, max_test_error_percent=1.19),
        Recipe("KerasDeepNet", lr=2e-3, augmentation=GENTLE, max_test_error_percent=0.74),
    )
}


def checkpoint_name(architecture: str) -> str:
    """Return the default name of the files: `DigitNet` becomes `digit-net`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", architecture).lower()
