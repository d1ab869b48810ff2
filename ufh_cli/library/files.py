"""What `ufh cache` does with cache files: tell, merge, prune, export."""

from __future__ import annotations

import csv
import json
import os
from contextlib import closing
from pathlib import Path
from typing import TextIO

from ufh_cli.files import home_expanded
from ufh_cli.library.sqlite import connect, trim, trim_bytes


def describe(path: str | os.PathLike[str]) -> list[dict[str, object]]:
    """A row for each space of a file: its name, values, claims under way, and setting."""
    with closing(connect(_existing(path))) as connection:
        rows = connection.execute(
            "SELECT space, sum(count > 0), sum(owner IS NOT NULL) FROM entries GROUP BY space ORDER BY space"
        ).fetchall()
        settings = dict(connection.execute("SELECT name, value FROM meta WHERE name LIKE 'space:%'"))
    counts = {space: (values, claims) for space, values, claims in rows}
    spaces = sorted({*counts, *(name.removeprefix("space:") for name in settings)})
    described: list[dict[str, object]] = []
    for space in spaces:
        values, claims = counts.get(space, (0, 0))
        setting = json.loads(settings.get(f"space:{space}", "{}"))
        described.append({"space": space, "values": values, "under way": claims, **setting})
    return described


def merge(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> int:
    """Take the values of `source` that `target` has not into it; how many.

    Raises
    ------
    ValueError
        When a space of both has two settings.
    """
    with closing(connect(_existing(source))) as connection:
        meta = connection.execute("SELECT name, value FROM meta WHERE name LIKE 'space:%'").fetchall()
        entries = connection.execute("SELECT space, key, value, count, added FROM entries WHERE count > 0").fetchall()
    with closing(connect(target)) as connection:
        kept = dict(connection.execute("SELECT name, value FROM meta"))
        for name, value in meta:
            if json.loads(kept.get(name, value)) != json.loads(value):
                raise ValueError(f"{source} and {target}: space {name[6:]!r} was made with different settings")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", meta)
        found = connection.executemany(
            "INSERT OR IGNORE INTO entries VALUES (?1, ?2, ?3, ?4, NULL, NULL, ?5)", entries
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
    with closing(connect(_existing(path))) as connection:
        if max_entries is not None:
            dropped = trim(connection, max_entries)
        elif max_bytes is not None:
            dropped = trim_bytes(connection, max_bytes)
        else:
            dropped = connection.execute("DELETE FROM entries WHERE space = ? AND count > 0", (space,)).rowcount
            connection.execute("DELETE FROM meta WHERE name = ?", (f"space:{space}",))
        connection.execute("VACUUM")
    return dropped


def export(path: str | os.PathLike[str], out: TextIO) -> int:
    """Write the values as CSV: space, key in hexadecimal, evaluations, value as JSON; how many."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["space", "key", "evaluations", "value"])
    count = 0
    with closing(connect(_existing(path))) as connection:
        for space, key, times, value in connection.execute(
            "SELECT space, key, count, value FROM entries WHERE count > 0 ORDER BY space, key"
        ):
            writer.writerow([space, f"{key % 2**64:016x}", times, value])
            count += 1
    return count


def _existing(path: str | os.PathLike[str]) -> Path:
    path = home_expanded(path)
    if not path.exists():
        raise ValueError(f"there is no file {path}")
    return path
