"""What ``ufh data`` can do for NAS-Bench-101."""

from __future__ import annotations

import os
from pathlib import Path

from setups.data import Progress, data_directory
from setups.nasbench.official import FULL_FILE, convert
from setups.nasbench.store import official_path, open_table
from setups.nasbench.table import Table


def fetch_official(*, source: Path | None, progress: Progress) -> str:
    """Download the authors' file, 1.95 GB, or the rest of it."""
    from setups.nasbench.fetch import fetch

    file = fetch(_download_path(), progress=progress)
    return f"fetched {file}\nnext: ufh data convert nasbench"


def convert_official(*, source: Path | None, progress: Progress) -> str:
    """Turn the authors' file into a table."""
    file = source or _download_path()
    if not os.path.exists(file):  # Path.exists raises on names that are too long
        raise ValueError(f"there is no file {file}; name the authors' {FULL_FILE} with --from")
    table = convert(file, official_path(), progress=progress)
    return f"wrote {table.path} ({table.fingerprint})\nnext: ufh run nasbench --set options.table=official"


def verify_tables(*, source: Path | None, progress: Progress) -> str:
    """Compare tables with their checksums: the one named, else all that are there."""
    if source is not None:
        paths = [source]
    else:
        paths = [open_table("surrogate", progress).path] + ([official_path()] if official_path().exists() else [])
    tables = [Table.load(path, verify=True) for path in paths]
    return "\n".join(
        f"{table.path}: {len(table.cells):,} cells, checksums right ({table.fingerprint})" for table in tables
    )


def _download_path() -> Path:
    return data_directory() / "nasbench" / FULL_FILE
