"""A folder for what numba compiles, also where neither the package nor the home can be written, as in containers."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def find_folder() -> Path | None:
    """See to it that numba finds a folder for its cache: without one it refuses to compile anything.

    To be called before numba is imported. Gives the temporary folder that is made use of for the first time, and that
    the user should hear of; None otherwise.
    """
    home = os.path.expanduser("~")
    usual = [Path(__file__).parent / "__pycache__"]
    if os.path.isabs(home):  # else numba would make a folder of the name ~
        usual.append(Path(os.environ.get("XDG_CACHE_HOME") or Path(home, ".cache")) / "numba")
    if chosen := os.environ.get(VARIABLE):
        usual.append(Path(chosen))
    if any(map(_can_be_made, usual)):
        return None
    try:
        folder, is_new = _temporary()
    except OSError:
        return None  # numba says that it finds none
    os.environ[VARIABLE] = str(folder)  # processes of ours find it too
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    return folder if is_new else None


def _can_be_made(folder: Path) -> bool:
    """Whether files can be written in `folder`, which need not be there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _temporary() -> tuple[Path, bool]:
    """A temporary folder, the same for all processes of this user, and whether it is new.

    What numba reads from there is run, so it must be nobody else's.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir(), f"ufh-numba-{user}")
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if (found.st_mode & 0o170077) == 0o040000 and (user == "user" or found.st_uid == user):
            return folder, False
        return Path(tempfile.mkdtemp(prefix="ufh-numba-")), True
    return folder, True
