import pytest
from ray.core.generated.common_pb2 import ActorDiedErrorContext, NodeDeathInfo
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    GetTimeoutError,
    LocalRayletDiedError,
    NodeDiedError,
    OutOfMemoryError,
    RayTaskError,
)

from searchinr.engine.workers.ray_errors import meaning
from searchinr.errors import NodeLostError
from searchinr.errors import OutOfMemoryError as OutOfMemory


def died(message: str, **more: object) -> ActorDiedError:
    context = ActorDiedErrorContext(error_message=message, actor_id=bytes(16), class_name="ImplicitFunc", **more)
    return ActorDiedError(context)


PREEMPTED = NodeDeathInfo(reason=NodeDeathInfo.AUTOSCALER_DRAIN_PREEMPTED)
NODE_DIED = "The actor died because its node has died. Node Id: 83\n\tthe actor's node was terminated unexpectedly"
WORKER_DIED = "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR"


@pytest.mark.parametrize(
    "error",
    [
        died(NODE_DIED),
        died("The actor was killed", node_death_info=PREEMPTED),
        ActorUnavailableError("RpcError: RPC error: Socket closed rpc_code: 14", bytes(16)),
        NodeDiedError("the node is dead or unreachable"),
        LocalRayletDiedError(),
    ],
)
def test_the_loss_of_a_node_is_told_as_such(error: Exception) -> None:
    assert isinstance(meaning(error), NodeLostError)


@pytest.mark.parametrize(
    "error",
    [died(WORKER_DIED), GetTimeoutError("too late")],
)
def test_the_death_of_a_worker_is_not_that_of_its_node(error: Exception) -> None:
    assert meaning(error) is error


def test_a_worker_that_was_killed_for_its_memory_is_told_as_such() -> None:
    assert isinstance(meaning(OutOfMemoryError("killed due to the node running low on memory")), OutOfMemory)


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_fault_of_a_disk_is_found_behind_what_ray_wraps_it_in(wrapped: bool) -> None:
    disk = OSError(28, "No space left on device")
    error = RayTaskError("train", "the trace", disk)
    found = meaning(RayTaskError("outer", "the trace", error) if wrapped else error.as_instanceof_cause())
    assert isinstance(found, OSError)
    assert found.errno == 28


def test_what_a_worker_raised_stays_what_it_is() -> None:
    error = RayTaskError("train", "the trace", ValueError("x"))
    assert meaning(error) is error


def test_an_end_without_a_word_is_an_error_too() -> None:
    assert isinstance(meaning(None), RuntimeError)
