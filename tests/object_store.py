"""S3 on loopback: moto's server in a thread of the tests' own process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",  # or the SDK asks an address outside this machine for a role
}


@contextmanager
def object_store() -> Iterator[str]:
    """URL of an empty bucket, with what the environment needs for it; skips the tests where moto is not installed."""
    server_module = pytest.importorskip("moto.server")
    before = dict(os.environ)
    os.environ.update(_ENVIRONMENT)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        from pyarrow.fs import S3FileSystem

        _, port = server.get_host_and_port()
        endpoint = f"127.0.0.1:{port}"
        S3FileSystem(endpoint_override=endpoint, scheme="http", allow_bucket_creation=True).create_dir("bucket")
        yield f"s3://bucket?endpoint_override=http://{endpoint}&scheme=http"
    finally:
        server.stop()
        os.environ.clear()
        os.environ.update(before)
