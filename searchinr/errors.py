"""The errors that a user sees as one clear line instead of a traceback."""

from pathlib import Path


class UserError(Exception):
    """The user's input is wrong: printed as one line on stderr, exit code 2.

    The message says where, what was found, what is allowed, and the remedy, in that order, e.g.
    ``spaces/kodak.yaml:12: codecs.mlp.depht: unknown parameter; did you mean 'depth'?``.
    """


class InvalidFileError(UserError):
    """A `.inr` file (or asset) is not what it claims to be: truncated, corrupt, or of another version."""


class MissingAssetError(UserError):
    """A file cannot be decoded without an asset that is not there, or not the one that it names."""


class TooMuchWorkError(UserError):
    """A file claims more than anybody wants to decode without being asked."""


class SearchInterrupted(KeyboardInterrupt):
    """A search was asked to stop before it was done. The same search again continues the run.

    Attributes:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(f"interrupted; the same search again continues {folder}")
        self.folder = folder


class NodeLostError(Exception):
    """The machine that ran a job is gone: no fault of the job's, which is run again from its last checkpoint."""


class TrialError(Exception):
    """A trial failed for a reason of its own (NaN, out of memory, time-out): recorded, never retried blindly."""


class OutOfMemoryError(TrialError):
    """A trial ran out of memory: perhaps of that which others beside it have taken, so it is tried once more, alone."""
