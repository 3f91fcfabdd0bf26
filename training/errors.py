"""What can stop a training run; the message of each is one line for whoever started it."""


class TrainingError(Exception):
    """Base of the errors of this package."""


class DataError(TrainingError):
    """MNIST or prepared data is missing, damaged or cannot be fetched."""


class ResumeError(TrainingError):
    """The checkpoint of an interrupted run cannot be used."""


class OutputError(TrainingError):
    """What lies in the output is not what a run can add to."""


class TrackingError(TrainingError):
    """MLflow is asked for and cannot be used."""


class TargetMissed(TrainingError):
    """The trained weights misread more of the test set than allowed, so they were not kept."""


class PublishError(TrainingError):
    """A version is published already, or cannot be published as it is."""
