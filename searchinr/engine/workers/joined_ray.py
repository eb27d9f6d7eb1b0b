"""Whether a Ray answers that is to be joined. Ray itself would ask for minutes, and heed no signal meanwhile."""

import os

from searchinr.engine.workers.ray_environment import ray_environment
from searchinr.errors import UserError

os.environ.update(ray_environment())
# Ray reads it when it is imported, so the imports stand below.
import grpc
from ray._private.grpc_utils import init_grpc_channel
from ray._private.services import canonicalize_bootstrap_address

_QUESTION = "/ray.rpc.NodeInfoGcsService/GetClusterId"  # the first that Ray asks as well; it has no parameters


def check_answers(address: str, *, within_s: float = 10.0) -> None:
    """Makes sure that a Ray that may be joined answers.

    Args:
        address: `HOST:PORT`, or `auto` for the Ray that runs on this machine.
        within_s: How long an answer is waited for. A signal ends the wait at once.

    Raises:
        UserError: None does, or it does not let us in.
    """
    os.environ.pop("RAY_ADDRESS", None)  # otherwise it would be taken for `auto`, and nobody has named it here
    try:
        place = canonicalize_bootstrap_address(address)
    except ConnectionError:
        raise UserError(
            f"--address: {address} found, and no Ray runs on this machine; start one, or leave it out"
        ) from None
    assert place is not None, "only `local` stands for no place"
    try:
        with init_grpc_channel(place, [("grpc.enable_http_proxy", 0)]) as channel:  # Ray takes no proxy either
            channel.unary_unary(_QUESTION)(b"", timeout=within_s, wait_for_ready=True)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            reason = "the Ray there asks for another token; set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to its own"
        else:
            reason = f"no Ray has answered there within {within_s:g} s; check host and port, and whether it is up"
        raise UserError(f"--address: {address} found; {reason}") from None
