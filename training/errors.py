"""What can stop a training run; the message of each is one line for whoever started it."""


class TrainingError(Exception):
    """Base of the errors of this package."""


class DataError(TrainingError):
    """MNIST or prepared data is missing, damaged or cannot be fetched."""


class ResumeError(TrainingError):
    """The checkpoint of an interrupted run cannot be used."""


class TargetMissed(TrainingError):
    """The trained weights misread more of the test set than allowed, so they were not kept."""


class PublishError(TrainingError):
    """A version is published already, or cannot be published as it is."""
