"""Which candidates are found again and again: what the fronts of several trials have in common."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ufh_cli.analyses.fronts import objective_names
from ufh_cli.analyses.rerun import config_of
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.experiment.trials import make_setup


@dataclass(frozen=True)
class Recurrence:
    """Candidates of one behaviour on the fronts of several trials.

    Attributes
    ----------
    level : float
        Their last objective.
    form : str
        As most of them are written, see `Setup.form`.
    share : float
        On the fronts of how many of the trials.
    best : float
        The highest first objective among them.
    """

    level: float
    form: str
    share: float
    best: float


def recurrences(series: Series) -> list[Recurrence]:
    """What is on the trials' fronts, by the last objective from above; of equal ones the most frequent first.

    Candidates with one key count as one, however they are written; where there are no keys, those of one form.

    Raises
    ------
    InputError
        When there is no front, or a candidate cannot be read back from its description.
    """
    objective_names([series])
    setup = make_setup(config_of(series))
    found: dict[tuple[float, str], list[tuple[int, str, float]]] = {}
    for entry in series.front:
        try:
            form = setup.form(setup.parse(entry["description"]))
        except ValueError as error:
            raise InputError(f"{series.label}: {error}") from error
        first, *_, last = map(float, entry["objectives"].values())
        found.setdefault((last, entry.get("key", form)), []).append((entry["trial"], form, first))
    rows = [
        Recurrence(
            level,
            Counter(form for _, form, _ in group).most_common(1)[0][0],
            len({trial for trial, _, _ in group}) / len(series.trials),
            max(first for _, _, first in group),
        )
        for (level, _), group in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.level, -row.share, -row.best, row.form))
