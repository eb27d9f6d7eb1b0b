"""The run's log file: what happened when, for whoever looks into a run later."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOG = logging.getLogger("searchinr")


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Sends our log, and what Ray and Tune warn of, to a file instead of the terminal."""
    handler = logging.FileHandler(path, encoding="utf-8")
    formatter = logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    loggers = {LOG: logging.INFO, logging.getLogger("ray"): logging.WARNING}
    before = [(logger, logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    for logger, level in loggers.items():
        logger.setLevel(level)
        logger.propagate = False
        logger.handlers = [handler]
    try:
        yield
    finally:
        for logger, old_level, propagate, handlers in before:
            logger.setLevel(old_level)
            logger.propagate = propagate
            logger.handlers = handlers
        handler.close()
