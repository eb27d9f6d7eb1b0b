"""A shell that starts the tests in the background makes them ignore SIGINT, and with them every program they start."""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
