"""What a search found, for a notebook: tables, comparisons, figures."""

from __future__ import annotations

import html
import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ufh_cli.analyses.baseline import with_baselines
from ufh_cli.analyses.markup import html_table, latex, markdown, summary_texts
from ufh_cli.analyses.rows import difference_rows
from ufh_cli.analyses.series import Series, call, split
from ufh_cli.configuration.errors import InputError, nearest
from ufh_cli.files import home_expanded, read_bytes
from ufh_cli.records.folder import CURVE_COLUMNS, Results, read_table


@dataclass(frozen=True)
class Drawing(os.PathLike[str]):
    """A figure in a file. It is a path, and a notebook shows what is in it.

    Attributes
    ----------
    path : Path
        The file: PNG, PDF or SVG.
    """

    path: Path

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def _repr_png_(self) -> bytes | None:
        return read_bytes(self.path) if self.path.suffix.lower() == ".png" else None

    def _repr_svg_(self) -> str | None:
        return read_bytes(self.path).decode("utf-8") if self.path.suffix.lower() == ".svg" else None


class Rows(list[dict[str, Any]]):
    """A table where pandas is not installed: a list of rows, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        return html_table(self) if self else "<p>no rows</p>"


class Result:
    """The results of one experiment or of several, as `run`, `load` and `load_all` return them.

    Attributes
    ----------
    experiments : list of Results
        The folders that were read.
    series : list of Series
        All trials of a cell each; what figures and comparisons are made of.
    """

    def __init__(self, experiments: Sequence[Results]) -> None:
        self.experiments = list(experiments)
        found = [(one, cell) for one in self.experiments for cell in split(one)]
        labels = [cell.label for _, cell in found]
        self.series: list[Series] = [
            cell if labels.count(cell.label) == 1 else replace(cell, label=f"{cell.label} ({one.name})")
            for one, cell in found
        ]

    @property
    def name(self) -> str:
        """The name of the folder, or of the folders."""
        return ", ".join(one.name for one in self.experiments)

    @property
    def path(self) -> Path:
        """The folder, of several the first."""
        return self.experiments[0].path

    @property
    def config(self) -> dict[str, Any]:
        """The tables of ``experiment.toml``: configuration, seed, versions and data; of several, the first's."""
        return self.experiments[0].experiment

    @property
    def trials(self) -> Any:
        """``trials.csv``: a row a trial, swept values first. A pandas.DataFrame where there is pandas, else rows."""
        return self._table([one.trials for one in self.experiments])

    @property
    def curves(self) -> Any:
        """``curves.csv``: a row a change of the best of a trial. A pandas.DataFrame, or rows."""
        return self._table(
            [read_table(one.path / "curves.csv", (*one.over, *CURVE_COLUMNS)) for one in self.experiments]
        )

    @property
    def front(self) -> Any:
        """The non-dominated candidates of each trial, a column an objective; empty where there is but one objective."""
        rows = Rows()
        for where, entry in self._entries("front"):
            rows.append(where | {key: value for key, value in entry.items() if key != "objectives"})
            rows[-1] |= entry["objectives"]
        return _as_table(rows)

    @property
    def best(self) -> dict[str, Any]:
        """The fittest candidate of all trials: description, key, fitness, trial; `ValueError` where there is none."""
        found = [where | entry for where, entry in self._entries("best") if "fitness" in entry]
        if not found:
            raise InputError(f"{self.name}: no trial has finished a candidate")
        return max(found, key=lambda entry: float(entry["fitness"]))

    @property
    def summary(self) -> Any:
        """A row a cell: means over trials ± two standard errors, as ``ufh show`` prints them."""
        return _as_table(Rows(summary_texts(self._some())))

    def compare(self, other: Result | None = None) -> Any:
        """Differences with 95 % intervals and p-values, adjusted after Holm; a row a quantity and pair.

        Two series are compared with each other, the second minus the first; of more, each technique with its baseline.

        Parameters
        ----------
        other : Result, optional
            Further results; with them, this one's come first.

        Raises
        ------
        ValueError
            When the series are not comparable, or none is the baseline of another.
        """
        both = self if other is None else Result([*self.experiments, *other.experiments])
        series = both._some()
        pairs = [(series[0], series[1])] if len(series) == 2 else with_baselines(series)
        return _as_table(Rows(difference_rows(pairs)))

    def plot(
        self,
        kind: str = "curves",
        out: str | os.PathLike[str] | None = None,
        *,
        size: tuple[float, float] | None = None,
        dpi: float = 150.0,
        title: str = "",
        labels: Sequence[str] = (),
    ) -> Drawing:
        """Draw a figure: ``curves``, ``auc``, ``hits``, ``front``, … as ``ufh plot --kind``.

        Parameters
        ----------
        kind : str
            Which.
        out : str or path, optional
            PNG, PDF or SVG; by default ``KIND.png`` in the folder of the results.
        size : tuple of float, optional
            Width and height in inches.
        dpi : float
            Dots an inch, of PNG.
        title : str
            What stands above the figure.
        labels : sequence of str
            What each series is called, in their order.

        Returns
        -------
        Drawing
            The file; a notebook shows it.
        """
        from ufh_cli.figures.kinds import KINDS
        from ufh_cli.figures.style import Look

        if kind not in KINDS:
            raise InputError(f"unknown kind of figure {kind!r}; {nearest(kind, KINDS)}")
        target = self.path / f"{kind}.png" if out is None else home_expanded(out)
        if not target.suffix:
            raise InputError(f"{target} must be a file with an ending, such as figure.png, figure.pdf or figure.svg")
        KINDS[kind](call(self._some(), labels), target, Look(size, dpi, title))
        return Drawing(target)

    def to_latex(self) -> str:
        """The summary as a ``tabular`` with the rules of the package booktabs."""
        return latex(summary_texts(self._some()))

    def to_markdown(self) -> str:
        """The summary as a Markdown table."""
        return markdown(summary_texts(self._some()))

    def __repr__(self) -> str:
        trials = sum(len(one.trials) for one in self.experiments)
        return f"<ufh.Result {self.name}: {len(self.series)} cells, {trials} trials, in {self.path}>"

    def _repr_html_(self) -> str:
        title = f"<p><b>{html.escape(self.name)}</b>: {html.escape(str(self.config['setup']))}</p>"
        table = html_table(summary_texts(self.series)) if self.series else "<p>no trial is finished yet</p>"
        notices = dict.fromkeys(one.notice for one in self.experiments if one.notice)
        return title + table + "".join(f"<p><small>note: {html.escape(notice)}</small></p>" for notice in notices)

    def _some(self) -> list[Series]:
        if not self.series:
            raise InputError(f"{self.name} has no finished trial yet")
        return self.series

    def _table(self, tables: Sequence[Sequence[dict[str, Any]]]) -> Any:
        """The rows of a file of each experiment; of several, each says whose it is."""
        rows = Rows()
        for one, table in zip(self.experiments, tables, strict=True):
            rows += [({"results": one.name} if len(tables) > 1 else {}) | row for row in table]
        return _as_table(rows)

    def _entries(self, which: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Where each entry of a JSON file is from, and the entry."""
        several = len(self.experiments) > 1
        return [
            ({"results": one.name} if several else {}, entry)
            for one in self.experiments
            for entry in getattr(one, which)
        ]


def _as_table(rows: Rows) -> Any:
    """A pandas.DataFrame where pandas is installed."""
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        return rows
    return pandas.DataFrame(list(rows))
