"""One look for all figures, readable in grey: lines differ in dash, markers in shape, and not in colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ufh_cli.experiment.errors import InputError
from ufh_cli.experiment.series import MIDWAY, Series

COLOURS = ("#5f5f5f", "#d1495b", "#00798c", "#edae49", "#30638e", "#7b5ea7", "#3a7d44", "#b07d62")
DASHES = ("-", "--", "-.", ":", (0, (3, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

# A technique looks the same in every figure; what else is swept takes the colours in turn.
_TECHNIQUE_STYLES: dict[str, tuple[str, Any, str]] = {
    "none": ("#5f5f5f", "--", "o"),
    "fec": ("#d1495b", "-", "s"),
    "forgetful-fec": ("#00798c", (0, (5, 1, 1, 1, 1, 1)), "^"),
    "fea": ("#edae49", (0, (3, 1)), "D"),
    "fcm": ("#30638e", "-.", "v"),
    "tabulist": ("#7b5ea7", ":", "P"),
}
TECHNIQUE_NAMES = {"none": "baseline", "fec": "FEC", "forgetful-fec": "forgetful FEC", "fea": "FEA", "fcm": "FCM"}


def line_styles(techniques: Sequence[str]) -> list[tuple[str, Any, str]]:
    """(colour, dash, marker) of each of several series: the technique's own while no two have the same technique."""
    if len(set(techniques)) == len(techniques) and set(techniques) <= set(_TECHNIQUE_STYLES):
        return [_TECHNIQUE_STYLES[technique] for technique in techniques]
    return [
        (COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)], MARKERS[i % len(MARKERS)]) for i in range(len(techniques))
    ]


def technique_name(technique: str) -> str:
    """As the paper writes it."""
    return " + ".join(TECHNIQUE_NAMES.get(part, part) for part in technique.split("+"))


def notice_of(series: Iterable[Series]) -> str:
    """What the results say about their data, each sentence once."""
    return " ".join(dict.fromkeys(one.results.notice for one in series)).strip()


AXIS_LABELS = {
    "auc": "AUC (mean best fitness along the search)",
    "best_fitness": "best fitness found",
    "reevaluated_fitness": "fitness on unseen data",
    MIDWAY: "fitness on unseen data, at half the budget",
    "hit_fraction": "cache hit fraction",
    "repeats": "evaluations repeated while in flight",
}


@contextmanager
def figure(
    out: Path,
    notice: str,
    *,
    width: float = 6.4,
    height: float = 4.2,
    rows: int = 1,
    columns: int = 1,
    share_y: bool = False,
) -> Iterator[tuple[Any, Any]]:
    """(figure, axes) to draw on; saved to `out` when the block ends, with `notice` at its foot.

    `axes` is one, or an array of shape (rows, columns) where there are several; `width` and `height` are of the whole,
    in inches.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 10, "axes.grid": True,
                         "grid.alpha": 0.25, "legend.frameon": False}):  # fmt: skip
        fig, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", sharey=share_y)
        try:
            yield fig, axes
            if notice:
                fig.supxlabel(notice, fontsize=6.5, color="#555555")
            _save(fig, out)
        finally:
            plt.close(fig)


def _save(fig: Any, out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fig.savefig(out, dpi=150)
    except (OSError, ValueError) as error:
        raise InputError(f"{out}: the figure cannot be written: {error}") from error
