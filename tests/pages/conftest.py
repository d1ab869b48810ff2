"""The user's package and the command, from where the package is."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "user_package"))

from ufh_command import odd, ufh, user_site  # noqa: F401
