"""The run's log file: what happened when, for whoever looks into a run later."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOG = logging.getLogger("searchinr")


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Sends our log to a file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    formatter = logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    LOG.addHandler(handler)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        handler.close()


def adopt(library: str) -> None:
    """Sends a library's warnings to our log instead of the terminal, to which it has attached itself."""
    logger = logging.getLogger(library)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.handlers = LOG.handlers[:]
