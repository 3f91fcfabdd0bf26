"""The description file beside a checkpoint: `NAME.json` for the state dict `NAME.pt`.

It names the architecture and the normalisation that the weights were trained with, so that serving never guesses. No
torch here: a process that serves an exported graph reads it too.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

IMAGE_SIZE = 28
"""Height and width of a canonical digit, in pixels."""

WHITE = 255
"""The lightest pixel of a canonical digit."""

LABELS = tuple("0123456789")
"""Class names by label id."""

MNIST_MEAN, MNIST_STD = 0.1307, 0.3081
"""Mean and standard deviation of MNIST's training pixels scaled to 0..1, rounded as in pytorch/examples."""

AS_PIXELS = (0.0, 1 / WHITE)
"""Mean and standard deviation for a network that sees pixels, 0 to 255, as they are."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Metric = float | int | str


class Description(BaseModel):
    """What a server must know of a checkpoint beside its state dict.

    Attributes:
        architecture: A name in `model.networks.NETWORKS`.
        mean: Subtracted from pixels scaled to 0..1.
        std: Divides what is left.
        temperature: Divides the logits before the softmax (Guo et al., 2017, "On Calibration of Modern Neural
            Networks").
        name: Shown by `/model/metadata`; likewise `description`, `source` and `license`.
        metrics: Figures measured once, at the end of training, by their names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    mean: Annotated[float, Field(allow_inf_nan=False)]
    std: Positive
    temperature: Positive = 1.0
    name: str = "Handwritten digit recogniser"
    description: str = "Reads one handwritten digit, 0 to 9, in a picture."
    source: str = ""
    license: str = ""
    metrics: dict[str, Metric] = {}
