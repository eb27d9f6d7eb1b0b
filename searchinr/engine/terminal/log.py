"""The log file of a run: it tells people who look into a run later what happened when."""

import io
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path

from searchinr.errors import UserError

LOG = logging.getLogger("searchinr")
LEVEL_VARIABLE = "SEARCHINR_LOG_LEVEL"
_LEVELS = ("debug", "info", "warning", "error")


class _LogFile(logging.FileHandler):
    """A log file that reports nothing on the terminal if its disk is full, since the ledger's writer reports it."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Writes our log to a file, from the level on that `metadata.searchinr.log_level` of a cluster file asks for.

    Raises:
        UserError: There is no such level.
    """
    level = os.environ.get(LEVEL_VARIABLE, "info").lower()
    if level not in _LEVELS:
        raise UserError(f"{LEVEL_VARIABLE}: {level!r} found; allowed {', '.join(_LEVELS)}")
    handler = _LogFile(path, encoding="utf-8")
    formatter = logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    LOG.setLevel(level.upper())
    LOG.propagate = False
    LOG.addHandler(handler)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        with suppress(OSError):
            handler.close()


def adopt(library: str) -> None:
    """Sends the warnings of a library to our log instead of the terminal, to which the library sends them by itself.

    If our log is at debug level, all other messages of the library are logged as well.
    """
    logger = logging.getLogger(library)
    logger.setLevel(logging.INFO if LOG.level == logging.DEBUG else max(LOG.level, logging.WARNING))
    logger.propagate = False
    logger.handlers = LOG.handlers[:]


@contextmanager
def prints_to_log() -> Iterator[None]:
    """Sends everything that is printed inside the context to our log, except by code that holds the real `stdout`."""
    with redirect_stdout(_LogStream()):
        yield


class _LogStream(io.TextIOBase):
    """A text stream whose lines are log messages."""

    def write(self, text: str) -> int:
        for line in filter(None, map(str.strip, text.splitlines())):
            LOG.warning("%s", line)
        return len(text)
