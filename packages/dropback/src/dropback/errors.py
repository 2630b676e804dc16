"""Define the errors that a user can cause; each message is a sentence that says what to do."""

__all__ = [
    "DropbackError",
    "LiveError",
    "ReaderError",
    "RequestError",
    "RunError",
    "StoreError",
    "TaskError",
    "TrackingError",
]

# Not exported: what each module that draws says.
WITHOUT_MATPLOTLIB = "Drawing needs matplotlib: install it with `pip install 'dropback[plot]'`."


class DropbackError(Exception):
    """Base of every error that bad input causes.

    The message is one sentence: what must hold, what was found, where, and what to do. The
    command line prints it after ``error:`` and exits with 2; the service answers 422 with it.
    """


class ReaderError(DropbackError):
    """A file that cannot be read as the table it should hold."""


class RunError(DropbackError):
    """A run folder (a trained model) that is missing, damaged or built for other features."""


class RequestError(DropbackError):
    """A request that contradicts itself or the data, for example an unknown split."""


class TrackingError(DropbackError):
    """Tracking data that lack, or contradict, what a step needs."""


class LiveError(DropbackError):
    """A frame, a situation or a state of a live play that breaks its rule."""


class StoreError(DropbackError):
    """A store of files that is not there, refuses access, or does not answer."""


class TaskError(DropbackError):
    """Tasks that failed on every worker that tried them, while all others were done."""
