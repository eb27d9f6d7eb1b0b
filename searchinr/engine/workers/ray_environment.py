"""How Ray behaves in our processes: quiet, without telemetry, and with a token. Ray reads it when it is imported."""

import os
import secrets
from pathlib import Path

_TOKEN_FILE = Path("~/.ray/auth_token")
_OWN_TOKEN = secrets.token_hex(32)


def ray_environment() -> dict[str, str]:
    """What belongs into the environment before the first import of Ray."""
    return {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AIR_NEW_OUTPUT": "0",
        "RAY_AUTH_MODE": "token",  # some of Ray's ports are open to the network: nobody else may run code here
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
        # That of a Ray to join is given; ours needs one that nobody knows.
        **({} if has_token() else {"RAY_AUTH_TOKEN": _OWN_TOKEN}),
    }


def has_token() -> bool:
    """Whether the user has a token, in one of the places where Ray looks for it."""
    given = os.environ.get("RAY_AUTH_TOKEN")
    if given and given != _OWN_TOKEN:
        return True
    return bool(os.environ.get("RAY_AUTH_TOKEN_PATH")) or _TOKEN_FILE.expanduser().is_file()
