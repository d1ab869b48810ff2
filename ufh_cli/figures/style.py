"""One look for all figures, readable in grey: lines differ in dash, markers in shape, and not in colour alone."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ufh_cli.analyses.baseline import condition_label, conditions
from ufh_cli.analyses.series import MIDWAY, REEVALUATED_AUC, Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.files import put, write_whole

COLOURS = (
    "#5f5f5f", "#d1495b", "#00798c", "#edae49", "#30638e", "#7b5ea7", "#3a7d44", "#b07d62",
    "#111111", "#f08ca0", "#4fc3d9", "#8a6d00", "#8fb4e3", "#c9a7eb", "#98d48a", "#6b2d1a",
)  # fmt: skip
DASHES = ("-", "--", "-.", ":", (0, (3, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

# A technique has the same name, colour, dash and marker in every figure.
_TECHNIQUES: dict[str, tuple[str, str, Any, str]] = {
    "none": ("baseline", "#5f5f5f", "--", "o"),
    "fec": ("FEC", "#d1495b", "-", "s"),
    "forgetful-fec": ("forgetful FEC", "#00798c", (0, (5, 1, 1, 1, 1, 1)), "^"),
    "fea": ("FEA", "#edae49", (0, (3, 1)), "D"),
    "best-fec": ("best of FEC", "#8a5a2b", (0, (8, 2)), "X"),
    "fcm": ("FCM", "#30638e", "-.", "v"),
    "tabulist": ("tabulist", "#7b5ea7", ":", "P"),
    "guided": ("guided", "#3a7d44", (0, (1, 2)), "*"),
}


def style_of(technique: str) -> tuple[str, Any, str]:
    """(colour, dash, marker); a combination has the colour of its first part, the dash and marker of its last."""
    first, *_, last = technique.split("+") * 2
    return _TECHNIQUES[first][1], *_TECHNIQUES[last][2:]


def line_styles(techniques: Sequence[str]) -> list[tuple[str, Any, str]]:
    """(colour, dash, marker) of several lines.

    They are the technique's. What would share its colour with another line, a further line of the same technique or a
    combination, has one that no technique has, and other dashes and markers. Where all are of one technique, colours,
    dashes and markers are taken in turn.
    """
    if len(techniques) > 1 and len(set(techniques)) == 1:
        return [(_turn(COLOURS, i), _turn(DASHES, i), _turn(MARKERS, i)) for i in range(len(techniques))]
    styles = []
    # Those that a technique has by its own name come first, wherever they stand.
    taken = {_TECHNIQUES[technique][1] for technique in techniques if technique in _TECHNIQUES}
    own = {colour for _, colour, _, _ in _TECHNIQUES.values()}
    for place, technique in enumerate(techniques):
        colour, dash, marker = style_of(technique)
        earlier = techniques[:place].count(technique)
        if earlier or (technique not in _TECHNIQUES and colour in taken):
            free = [other for other in COLOURS if other not in taken and other not in own]
            colour = free[0] if free else colour
        taken.add(colour)
        shift = 2 * earlier
        dash, marker = (_turn(values, values.index(one) + shift) for values, one in ((DASHES, dash), (MARKERS, marker)))
        styles.append((colour, dash, marker))
    return styles


def _turn(values: Sequence[Any], place: int) -> Any:
    return values[place % len(values)]


def technique_name(technique: str) -> str:
    """As the paper writes it."""
    return " + ".join(_TECHNIQUES[part][0] if part in _TECHNIQUES else part for part in technique.split("+"))


def labels_of(series: Sequence[Series], sep: str = ", ", keys: bool = True) -> list[str]:
    """What tells the series apart: the technique, unless all have the same, and what else is swept.

    Without `keys` the swept values stand alone, for figures that name the keys elsewhere.
    """
    same = len({one.technique for one in series}) == 1 and all(map(conditions, series))
    labels = []
    for one in series:
        values = condition_label(one, sep) if keys else sep.join(conditions(one).values()).replace("_", " ")
        labels.append(sep.join(filter(None, ["" if same else technique_name(one.technique), values])))
    return [
        label if labels.count(label) == 1 else f"{label} ({one.results.name})"
        for label, one in zip(labels, series, strict=True)
    ]


def notice_of(series: Iterable[Series]) -> str:
    """What the results say about their data, each sentence once."""
    return " ".join(dict.fromkeys(one.results.notice for one in series)).strip()


AXIS_LABELS = {
    "auc": "AUC (mean best fitness along the search)",
    REEVALUATED_AUC: "AUC of the fitness on unseen data",
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
    plt = _pyplot()
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


def _pyplot() -> Any:
    """matplotlib's, for files: what MPLBACKEND says is for windows and notebooks, and may not even be there."""
    if "matplotlib.pyplot" not in sys.modules:
        before = os.environ.pop("MPLBACKEND", None)
        try:
            import matplotlib

            matplotlib.use("Agg")
            import matplotlib.pyplot
        finally:
            if before is not None:
                os.environ["MPLBACKEND"] = before
    return sys.modules["matplotlib.pyplot"]


def _save(fig: Any, out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        drawn = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph", UserWarning)  # it would repeat what steers terminals
            fig.savefig(drawn, format=out.suffix[1:].lower(), dpi=150)
        write_whole(out, lambda file: put(file, drawn.getvalue()))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{out}: the figure cannot be written: {why}") from error
