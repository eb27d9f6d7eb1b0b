"""Exit codes of every command."""

OK = 0
FAILED = 1
WRONG_INPUT = 2
INTERRUPTED = 130
