"""A Ray is asked before it is joined."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from searchinr.engine.workers.joined_ray import check_answers
from searchinr.errors import UserError

HOST = "127.0.0.2"  # Ray takes 127.0.0.1 for the machine's address in the network


@contextmanager
def a_server(answers: grpc.StatusCode | None) -> Iterator[str]:
    """A server that gives this answer to whatever is asked, or empty ones: its address."""

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        if answers is not None:
            context.abort(answers, "")
        return b""

    class Everything(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            return grpc.unary_unary_rpc_method_handler(answer)

    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool, [Everything()])
        port = server.add_insecure_port(f"{HOST}:0")
        server.start()
        yield f"{HOST}:{port}"
        server.stop(None).wait()


@contextmanager
def a_port(*, listens: bool) -> Iterator[str]:
    """A port that nobody else has, at which nobody listens, or somebody who never says anything: its address."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        if listens:
            held.listen()
        yield f"{HOST}:{held.getsockname()[1]}"


def test_a_ray_that_answers_may_be_joined() -> None:
    with a_server(None) as address:
        check_answers(address)


def test_a_token_that_is_another_one_is_said() -> None:
    with a_server(grpc.StatusCode.UNAUTHENTICATED) as address, pytest.raises(UserError, match="set RAY_AUTH_TOKEN"):
        check_answers(address)


def test_what_is_no_ray_is_said() -> None:
    found = "found; no Ray has answered there"
    with a_server(grpc.StatusCode.UNIMPLEMENTED) as address, pytest.raises(UserError, match=f"{address} {found}"):
        check_answers(address)
    for listens in (False, True):
        with a_port(listens=listens) as address, pytest.raises(UserError, match=f"{address} {found}"):
            check_answers(address, within_s=0.3)
    with pytest.raises(UserError, match=f"nowhere.invalid:6379 {found}"):
        check_answers("nowhere.invalid:6379", within_s=0.3)


def test_a_signal_ends_the_wait() -> None:
    with a_port(listens=False) as address, pytest.raises(KeyboardInterrupt):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        check_answers(address, within_s=1e6)
