"""What gunicorn answers to a request that it refuses: always an error of the client's, and no long quotation."""

from gunicorn.http.errors import ConfigurationProblem, InvalidHeader, UnsupportedTransferCoding

MOST_QUOTED = 200
"""Characters of a refused request that its answer and the log repeat."""


def refusal(exc: BaseException) -> BaseException:
    """Return the error to answer for one that gunicorn met.

    gunicorn answers 501 to an unknown transfer coding, 500 to a path outside the prefix that the server has, and
    repeats a malformed header of half a megabyte.
    """
    if isinstance(exc, UnsupportedTransferCoding | ConfigurationProblem):
        return InvalidHeader(str(exc)[:MOST_QUOTED])
    for name, value in list(vars(exc).items()):
        if isinstance(value, str | bytes):
            setattr(exc, name, value[:MOST_QUOTED])
    return exc
