"""What Ray's errors mean for a job: the loss of its machine, a disk's fault, or the death of its worker."""

from ray.exceptions import ActorDiedError, ActorUnavailableError, LocalRayletDiedError, NodeDiedError, RayError
from ray.exceptions import OutOfMemoryError as RaysOutOfMemoryError

from searchinr.errors import NodeLostError, OutOfMemoryError

_NODE_DIED = "its node has died"
"""How Ray words the cause of an `ActorDiedError`, which it does not give in any other way."""


def meaning(error: Exception | None) -> Exception:
    """What the error that ended a job means.

    Args:
        error: As Ray brought it; None where it told none.

    Returns:
        `NodeLostError` if the job's machine is gone, be it for good or for the network; `OutOfMemoryError` if Ray has
        killed the worker since its machine had no memory left; the `OSError` that the worker met, if it met one;
        otherwise the error itself: the worker was killed, has crashed, or raised it.
    """
    if error is None:
        return RuntimeError("unknown")
    if _is_node_loss(error):
        return NodeLostError(str(error))
    if isinstance(error, RaysOutOfMemoryError):
        return OutOfMemoryError("out of memory: its machine had none left")
    return _os_error(error) or error


def _is_node_loss(error: Exception) -> bool:
    # A worker's connection breaks without word of its death where nobody is left to tell of it: with its machine.
    if isinstance(error, NodeDiedError | LocalRayletDiedError | ActorUnavailableError):
        return True
    return isinstance(error, ActorDiedError) and (error.preempted or _NODE_DIED in str(error))


def _os_error(error: BaseException) -> OSError | None:
    """The `OSError` behind an error from a worker, if there is one; Ray's own time-outs are none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and not isinstance(cause, RayError):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return None
