"""What `ufh cache` does with cache files: tell, merge, prune, export."""

from __future__ import annotations

import csv
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Protocol

from ufh_cli.files import home_expanded
from ufh_cli.library.sqlite import connect, setting_of, trim, trim_bytes


class Written(Protocol):
    """Where text goes."""

    def write(self, text: str, /) -> object: ...


# A file may have been made by somebody else.
_ODD = """
SELECT 1 FROM entries WHERE typeof(space) <> 'text' OR typeof(key) <> 'integer' OR typeof(count) <> 'integer'
    OR (count > 0 AND typeof(value) <> 'text')
UNION ALL SELECT 1 FROM meta WHERE typeof(name) <> 'text' OR typeof(value) <> 'text' LIMIT 1
"""


def describe(path: str | os.PathLike[str]) -> list[dict[str, object]]:
    """A row for each space of a file: its name, values, claims under way, and setting."""
    with _opened(path) as connection:
        rows = connection.execute(
            "SELECT space, sum(count > 0), sum(owner IS NOT NULL) FROM entries GROUP BY space ORDER BY space"
        ).fetchall()
        settings = dict(connection.execute("SELECT name, value FROM meta WHERE name LIKE 'space:%'"))
    counts = {space: (values, claims) for space, values, claims in rows}
    spaces = sorted({*counts, *(name.removeprefix("space:") for name in settings)})
    described: list[dict[str, object]] = []
    for space in spaces:
        values, claims = counts.get(space, (0, 0))
        setting = setting_of(settings.get(f"space:{space}", "{}"))
        described.append({"space": space, "values": values, "under way": claims, **setting})
    return described


def merge(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> int:
    """Take the values of `source` that `target` has not into it; how many.

    Raises
    ------
    ValueError
        When a space of both has two settings.
    """
    with _opened(source) as connection:
        meta = connection.execute("SELECT name, value FROM meta WHERE name LIKE 'space:%'").fetchall()
    with _opened(target, make=True) as connection:
        kept = dict(connection.execute("SELECT name, value FROM meta"))
        for name, value in meta:
            if setting_of(kept.get(name, value)) != setting_of(value):
                raise ValueError(f"{source} and {target}: space {name[6:]!r} was made with different settings")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", meta)
        found = connection.executemany(
            "INSERT OR IGNORE INTO entries VALUES (?1, ?2, ?3, ?4, NULL, NULL, ?5)", _entries(source)
        ).rowcount
        connection.execute("COMMIT")
    return found


def prune(
    path: str | os.PathLike[str],
    *,
    max_entries: int | None = None,
    max_bytes: int | None = None,
    space: str | None = None,
) -> int:
    """Drop the oldest values beyond `max_entries` or `max_bytes`, or a whole space; how many went."""
    if [max_entries, max_bytes, space].count(None) != 2:
        raise ValueError("say what to drop: what is beyond a number of entries, or of bytes, or a space")
    for name, bound in (("entries", max_entries), ("bytes", max_bytes)):
        if bound is not None and bound < 0:
            raise ValueError(f"{name} must be at least 0, got {bound}")
    with _opened(path) as connection:
        if max_entries is not None:
            dropped = trim(connection, max_entries)
        elif max_bytes is not None:
            dropped = trim_bytes(connection, max_bytes)
        else:
            dropped = connection.execute("DELETE FROM entries WHERE space = ? AND count > 0", (space,)).rowcount
            connection.execute("DELETE FROM meta WHERE name = ?", (f"space:{space}",))
        connection.execute("VACUUM")
    return dropped


def export(path: str | os.PathLike[str], out: Written) -> int:
    """Write the values as CSV: space, key in hexadecimal, evaluations, value as JSON; how many."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["space", "key", "evaluations", "value"])
    count = 0
    for space, key, value, times, _ in _entries(path):
        writer.writerow([space, f"{key % 2**64:016x}", times, value])
        count += 1
    return count


def _entries(path: str | os.PathLike[str]) -> Iterator[tuple[str, int, str, int, float]]:
    """Space, key, value, evaluations and time of each value, one at a time: a file may be larger than the memory."""
    with _opened(path) as connection:
        yield from connection.execute(
            "SELECT space, key, value, count, added FROM entries WHERE count > 0 ORDER BY space, key"
        )


@contextmanager
def _opened(path: str | os.PathLike[str], make: bool = False) -> Iterator[sqlite3.Connection]:
    """A cache file whose columns hold what is written there; a fault of it is a `ValueError` with its name."""
    path = home_expanded(path)
    if not make and not path.exists():
        raise ValueError(f"there is no file {path}")
    with closing(connect(path)) as connection:
        try:
            if connection.execute(_ODD).fetchone():
                raise ValueError(f"{path} holds something else than a cache of ufh")
            yield connection
        except sqlite3.Error as error:
            raise ValueError(f"{path} cannot be used as a cache: {error}") from error
