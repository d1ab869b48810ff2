"""A cache in an SQLite file that processes and later runs share."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import uuid
import warnings
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ufh_cli.files import home_expanded
from ufh_cli.library.memory import Answer, Cache
from ufh_cli.library.policy import Policy
from ufh_cli.library.values import from_json, to_json

FORMAT = "1"
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (space TEXT NOT NULL, key INTEGER NOT NULL, value TEXT, count INTEGER NOT NULL,
    owner TEXT, until REAL, added REAL, PRIMARY KEY (space, key)) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES ('format', '1');
COMMIT;
"""
_CLAIM = """
INSERT INTO entries VALUES (?1, ?2, NULL, 0, ?3, ?4, ?4)
ON CONFLICT (space, key) DO UPDATE SET owner = ?3, until = ?4
WHERE count < ?5 AND (owner IS NULL OR until < ?6)
"""
_COLUMNS = {
    "meta": ["name", "value"],
    "entries": ["space", "key", "value", "count", "owner", "until", "added"],
}
_BESIDE = ("-journal", "-wal", "-shm")  # what SQLite keeps next to a file, and would wait for where it is a pipe
_TRIMMED_AFTER = 64  # stores; what is bounded may be so much too long
_FEWEST_BYTES = 1 << 16  # an empty file has some pages

_INHERITED: list[sqlite3.Connection | None] = []
_STARTING = threading.Lock()
if hasattr(os, "register_at_fork"):  # it may be held by a thread that the child has not
    os.register_at_fork(after_in_child=lambda: globals().update(_STARTING=threading.Lock()))


def connect(path: str | os.PathLike[str]) -> sqlite3.Connection:
    """A connection to a cache file, made if it is not there.

    Raises
    ------
    ValueError
        When it is a file of something else or of another format.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no file")
    for beside in (Path(f"{path}{suffix}") for suffix in _BESIDE):
        if beside.is_symlink() or (beside.exists() and not beside.is_file()):
            raise ValueError(f"{beside} is no file")
    try:
        connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
        try:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if tables and not _is_ours(connection):
                raise ValueError(f"{path} is a database, but no cache of ufh")
            if not tables:
                connection.executescript(_SCHEMA)  # at once: others may be making it too
                with suppress(sqlite3.OperationalError):  # one of those others is just doing it
                    connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            found = connection.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
            if found != (FORMAT,):
                raise ValueError(f"{path}: the cache's format is {found and found[0]}, not {FORMAT}")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise ValueError(f"{path} cannot be used as a cache: {error}") from error
    return connection


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Whether it has our tables as we make them, and nothing that would run on its own account."""
    own = all(
        [name for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))] == columns
        for table, columns in _COLUMNS.items()
    )
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone()
    return own and found is None


def setting_of(text: str) -> dict[str, Any]:
    """The setting of a space, as `SqliteCache.bind` wrote it; `ValueError` where it is something else."""
    setting = from_json(text)
    if not isinstance(setting, dict):
        raise ValueError(f"the setting of a space is no table, but of type {type(setting).__name__}")
    return setting


class SqliteCache:
    """Values by key in a file, for `functional_cache`: shared by threads, processes and later runs of one machine.

    Values are kept as JSON. An evaluation is claimed before it begins, so that others wait for it; a claim whose owner
    died lapses. Where the file fails (a full disk, a file of something else) there is one warning, and this process
    goes on with a cache in memory. Not for network file systems, which lack what SQLite needs.

    Parameters
    ----------
    path : str or path
        The file; made where there is none.
    max_entries : int or None
        When there are more, the oldest are dropped (looked at every 64 values). None keeps all.
    max_bytes : int or None
        When what is in the file takes more, the oldest are dropped (looked at as often); at least 65,536. The file
        itself, and the one beside it that SQLite writes first, may be somewhat larger.
    lease : float
        Seconds after which a claim lapses unless its process is still alive to renew it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_entries: int | None = None,
        max_bytes: int | None = None,
        lease: float = 30.0,
    ) -> None:
        if max_entries is not None and max_entries < 1:
            raise ValueError(f"max_entries must be at least 1, got {max_entries}")
        if max_bytes is not None and max_bytes < _FEWEST_BYTES:
            raise ValueError(f"max_bytes must be at least {_FEWEST_BYTES:,}, got {max_bytes}")
        if not lease > 0:
            raise ValueError(f"lease must be above 0, got {lease}")
        self.path = home_expanded(path)
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.lease = lease
        self._local = threading.local()
        self._lock = threading.Lock()
        self._fallback: Cache | None = None
        self._stored = 0
        self._held: set[tuple[str, int]] = set()
        self._renewing = False
        self._process = 0
        self._owner = ""

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("path", "max_entries", "max_bytes", "lease")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __len__(self) -> int:
        return int(self._connection().execute("SELECT count(*) FROM entries WHERE count > 0").fetchone()[0])

    def bind(self, space: str, setting: dict[str, Any]) -> None:
        """Keep the setting of a space, or compare with the one that is kept.

        Raises
        ------
        ValueError
            With the difference, when the values of `space` were found with another setting.
        """
        try:
            connection = self._connection()
            connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (f"space:{space}", json.dumps(setting)))
            (text,) = connection.execute("SELECT value FROM meta WHERE name = ?", (f"space:{space}",)).fetchone()
        except (sqlite3.Error, ValueError) as error:
            self._fail(error)
            return
        kept = setting_of(text)
        if different := [name for name in sorted({*kept, *setting}) if kept.get(name) != setting.get(name)]:
            listed = ", ".join(f"{name} {kept.get(name)!r} and not {setting.get(name)!r}" for name in different)
            raise ValueError(f"{self.path}: space {space!r} was made with {listed}; give another space or file")

    def begin(self, space: str, key: int, policy: Policy) -> tuple[Answer, Any]:
        """As `Cache.begin`, over processes."""
        if self._fallback is not None:
            return self._fallback.begin(space, key, policy)
        try:
            connection = self._connection()
            found = connection.execute(
                "SELECT value, count, owner, until FROM entries WHERE space = ? AND key = ?", (space, _signed(key))
            ).fetchone()
            now = time.time()
            if found is not None:
                if found[1] >= policy.repeats:
                    return Answer.HIT, from_json(found[0])
                if found[2] is not None and found[3] >= now:
                    return Answer.WAIT, None
            until = now + self.lease
            claim = (space, _signed(key), self._owner, until, policy.repeats, now)
            if not connection.execute(_CLAIM, claim).rowcount:
                return Answer.WAIT, None
        except sqlite3.Error as error:
            return self._fail(error).begin(space, key, policy)
        with self._lock:
            self._held.add((space, _signed(key)))
            if not self._renewing:
                self._renewing = True
                threading.Thread(target=self._renew, daemon=True).start()
        return Answer.MINE, None

    def finish(self, space: str, key: int, value: Any, policy: Policy) -> Any:
        """As `Cache.finish`."""
        if self._fallback is not None:
            return self._fallback.finish(space, key, value, policy)
        place = (space, _signed(key))
        with self._lock:
            self._held.discard(place)
        try:
            connection = self._connection()
            if policy.repeats > 1:
                old = connection.execute(
                    "SELECT value, count FROM entries WHERE space = ? AND key = ?", place
                ).fetchone()
                if old is not None and old[1]:
                    value = policy.merged(from_json(old[0]), old[1], value)
            connection.execute(
                "INSERT INTO entries VALUES (?1, ?2, ?3, 1, NULL, NULL, ?4) ON CONFLICT (space, key) "
                "DO UPDATE SET value = ?3, count = count + 1, owner = NULL, until = NULL",
                (*place, to_json(value), time.time()),
            )
            self._stored += 1
            if self.max_entries is not None and self._stored % min(_TRIMMED_AFTER, self.max_entries) == 0:
                trim(connection, self.max_entries)
            if self.max_bytes is not None and self._stored % _TRIMMED_AFTER == 0:
                trim_bytes(connection, self.max_bytes)
        except sqlite3.Error as error:
            return self._fail(error).finish(space, key, value, policy)
        return value

    def abandon(self, space: str, key: int) -> None:
        """As `Cache.abandon`."""
        if self._fallback is not None:
            self._fallback.abandon(space, key)
            return
        place = (space, _signed(key))
        with self._lock:
            self._held.discard(place)
        try:
            connection = self._connection()
            mine = "WHERE space = ? AND key = ? AND owner = ?"  # not whose claim came after a lapsed one
            connection.execute(f"DELETE FROM entries {mine} AND count = 0", (*place, self._owner))
            connection.execute(f"UPDATE entries SET owner = NULL, until = NULL {mine}", (*place, self._owner))
        except sqlite3.Error as error:
            self._fail(error)

    def wait(self, space: str, key: int, seconds: float) -> None:
        """A while; processes cannot tell each other more quickly."""
        if self._fallback is not None:
            self._fallback.wait(space, key, seconds)
        else:
            time.sleep(seconds)

    def peek(self, space: str, key: int) -> tuple[Any, int] | None:
        """As `Cache.peek`."""
        if self._fallback is not None:
            return self._fallback.peek(space, key)
        try:
            found = self._connection().execute(
                "SELECT value, count FROM entries WHERE space = ? AND key = ? AND count > 0", (space, _signed(key))
            )
            row = found.fetchone()
        except sqlite3.Error as error:
            return self._fail(error).peek(space, key)
        return None if row is None else (from_json(row[0]), row[1])

    def forget(self, space: str, key: int) -> bool:
        """As `Cache.forget`."""
        if self._fallback is not None:
            return self._fallback.forget(space, key)
        place = (space, _signed(key))
        found = self._connection().execute("DELETE FROM entries WHERE space = ? AND key = ? AND count > 0", place)
        return found.rowcount > 0

    def clear(self, space: str) -> None:
        """As `Cache.clear`."""
        if self._fallback is not None:
            self._fallback.clear(space)
        else:
            self._connection().execute("DELETE FROM entries WHERE space = ? AND count > 0", (space,))

    def close(self) -> None:
        """Close this thread's connection; the next use opens another."""
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None and self._local.process == os.getpid():
            connection.close()

    def _connection(self) -> sqlite3.Connection:
        """This thread's own; a fork has none yet."""
        local, process = self._local, os.getpid()
        if getattr(local, "process", None) != process or "connection" not in local.__dict__:
            _INHERITED.append(getattr(local, "connection", None))  # of a parent: not to be used here, nor closed
            with _STARTING:
                if self._process != process:
                    self._owner = f"{process}-{uuid.uuid4().hex}"
                    self._lock, self._held, self._renewing = threading.Lock(), set(), False
                    self._process = process
            local.process, local.connection = process, connect(self.path)
        return local.connection

    def _renew(self) -> None:
        """As long as this process lives its claims do; once it has none there is nothing to renew."""
        while True:
            time.sleep(self.lease / 3)
            with self._lock:
                held = list(self._held)
                if not held or self._fallback is not None:
                    self._renewing = False
                    return
            try:
                with closing(connect(self.path)) as connection:
                    connection.executemany(
                        "UPDATE entries SET until = ? WHERE space = ? AND key = ? AND owner = ?",
                        [(time.time() + self.lease, *place, self._owner) for place in held],
                    )
            except (sqlite3.Error, ValueError):
                continue  # whoever evaluates will meet the fault itself

    def _fail(self, error: Exception) -> Cache:
        if self._fallback is None:
            self._fallback = Cache(max_entries=self.max_entries)
            text = str(error) if str(self.path) in str(error) else f"{self.path}: {error}"
            warnings.warn(f"{text}; values are remembered in this process alone", RuntimeWarning, stacklevel=4)
        return self._fallback


def trim(connection: sqlite3.Connection, max_entries: int) -> int:
    """Drop the oldest values beyond `max_entries`; how many."""
    found = connection.execute(
        "DELETE FROM entries WHERE count > 0 AND (space, key) IN "
        "(SELECT space, key FROM entries WHERE count > 0 ORDER BY added DESC LIMIT -1 OFFSET ?)",
        (min(max_entries, (1 << 63) - 1),),
    )
    return found.rowcount


def trim_bytes(connection: sqlite3.Connection, max_bytes: int) -> int:
    """Drop the oldest values until what is in the file takes at most `max_bytes`, or none is left; how many."""
    dropped = 0
    while (used := _used(connection)) > max_bytes:
        count = connection.execute("SELECT count(*) FROM entries WHERE count > 0").fetchone()[0]
        if not count:
            break
        # Values differ in length, so this may take some rounds.
        dropped += trim(connection, int(count * min(max_bytes / used, 1 - 1 / count)))
    return dropped


def _used(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something; what was dropped leaves room that is used again."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _signed(key: int) -> int:
    """A key as SQLite's integers are."""
    return key - (1 << 64) if key >> 63 else key
