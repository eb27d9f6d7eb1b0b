"""The environment variables that make Ray quiet in our processes, without telemetry, and closed to strangers.

Ray reads them when it is imported.
"""

import os
import secrets
from pathlib import Path

from searchinr.errors import UserError
from searchinr.signals.files import check_readable

_TOKEN_FILE = Path("~/.ray/auth_token")
_OWN_TOKEN = secrets.token_hex(32)


def ray_environment() -> dict[str, str]:
    """The variables to set before the first import of Ray."""
    return {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AIR_NEW_OUTPUT": "0",
        "RAY_AUTH_MODE": "token",  # whoever reaches a port of Ray, other users of this machine too, could run code here
        # Two processes of Ray serve metrics without asking for the token. There is no switch for it, but a port that
        # cannot be makes them do without.
        "AUTOSCALER_METRIC_PORT": "-1",
        "DASHBOARD_METRIC_PORT": "-1",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
        # Whoever joins a Ray of somebody else has its token. A Ray of our own gets one that nobody knows.
        **({} if has_token() else {"RAY_AUTH_TOKEN": _OWN_TOKEN}),
    }


def has_token() -> bool:
    """Whether the user has set a token in one of the places where Ray looks for it.

    Raises:
        UserError: The file that is said to hold it cannot be read.
    """
    given = os.environ.get("RAY_AUTH_TOKEN")
    if given and given != _OWN_TOKEN:
        return True
    if named := os.environ.get("RAY_AUTH_TOKEN_PATH"):
        try:
            check_readable(Path(named))
        except UserError as error:
            raise UserError(f"RAY_AUTH_TOKEN_PATH: {error}") from None
        return True
    try:
        return _TOKEN_FILE.expanduser().is_file()
    except OSError:  # in a container the home folder may be somebody else's
        return False
