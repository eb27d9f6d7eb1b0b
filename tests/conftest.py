"""A shell that starts the tests in the background makes them ignore SIGINT, and with them every program they start."""

import signal

# Before any test imports Ray, which reads then how it authenticates: once for the whole process.
import searchinr.engine.tune  # noqa: F401

signal.signal(signal.SIGINT, signal.default_int_handler)
