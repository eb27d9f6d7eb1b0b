"""The run's log file: what happened when, for whoever looks into a run later."""

import io
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path

LOG = logging.getLogger("searchinr")
LEVEL_VARIABLE = "SEARCHINR_LOG_LEVEL"


class _LogFile(logging.FileHandler):
    """A log file that is not worth a word on the terminal when its disk is full: the ledger's writer says so."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Sends our log to a file, down to the level that `metadata.searchinr.log_level` of a cluster file asks for."""
    handler = _LogFile(path, encoding="utf-8")
    formatter = logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    LOG.setLevel(os.environ.get(LEVEL_VARIABLE, "info").upper())
    LOG.propagate = False
    LOG.addHandler(handler)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        with suppress(OSError):
            handler.close()


def adopt(library: str) -> None:
    """Sends a library's warnings to our log instead of the terminal, to which it has attached itself.

    At the level of debugging, what else it has to say as well.
    """
    logger = logging.getLogger(library)
    logger.setLevel(logging.INFO if LOG.level == logging.DEBUG else max(LOG.level, logging.WARNING))
    logger.propagate = False
    logger.handlers = LOG.handlers[:]


@contextmanager
def prints_to_log() -> Iterator[None]:
    """Sends to our log what others print meanwhile. What holds on to the real standard output is not affected."""
    with redirect_stdout(_LogStream()):
        yield


class _LogStream(io.TextIOBase):
    """A text stream whose lines are log messages."""

    def write(self, text: str) -> int:
        for line in filter(None, map(str.strip, text.splitlines())):
            LOG.warning("%s", line)
        return len(text)
