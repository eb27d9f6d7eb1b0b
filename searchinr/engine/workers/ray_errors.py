"""Translates Ray's errors into what they mean for a job: a lost machine, a failed disk, or a dead worker."""

from ray.exceptions import ActorDiedError, ActorUnavailableError, LocalRayletDiedError, NodeDiedError, RayError
from ray.exceptions import OutOfMemoryError as RaysOutOfMemoryError

from searchinr.errors import NodeLostError, OutOfMemoryError

_NODE_DIED = "its node has died"
"""How Ray words the cause of an `ActorDiedError`. It gives the cause in no other form."""


def meaning(error: Exception | None) -> Exception:
    """What the error that ended a job means.

    Args:
        error: The error that Ray brought, or None if it brought none.

    Returns:
        `NodeLostError` if the job's machine is gone or cannot be reached; `OutOfMemoryError` if Ray has killed the
        worker because its machine had no memory left; the `OSError` that the worker met, if it met one. In all other
        cases the error itself, which says that the worker was killed, has crashed, or has raised an exception.
    """
    if error is None:
        return RuntimeError("unknown")
    if _is_node_loss(error):
        return NodeLostError(str(error))
    if isinstance(error, RaysOutOfMemoryError):
        return OutOfMemoryError("out of memory: its machine had none left")
    return _os_error(error) or error


def _is_node_loss(error: Exception) -> bool:
    # If a connection breaks and nobody tells of the worker's death, then its machine has gone with it.
    if isinstance(error, NodeDiedError | LocalRayletDiedError | ActorUnavailableError):
        return True
    return isinstance(error, ActorDiedError) and (error.preempted or _NODE_DIED in str(error))


def _os_error(error: BaseException) -> OSError | None:
    """The `OSError` that caused an error from a worker, if there is one. Ray's own time-outs do not count."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and not isinstance(cause, RayError):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return None
