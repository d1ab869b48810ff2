"""One look for all figures, readable in grey: lines differ in dash, markers in shape, and not in colour alone."""

from __future__ import annotations

import io
import itertools
import os
import sys
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ufh_cli.analyses.baseline import condition_label, conditions
from ufh_cli.analyses.series import MIDWAY, REEVALUATED_AUC, Series
from ufh_cli.configuration.errors import InputError, printable
from ufh_cli.files import put, write_whole

COLOURS = (
    "#5f5f5f", "#d1495b", "#00798c", "#edae49", "#30638e", "#7b5ea7", "#3a7d44", "#b07d62",
    "#111111", "#f08ca0", "#4fc3d9", "#8a6d00", "#8fb4e3", "#c9a7eb", "#98d48a", "#6b2d1a",
)  # fmt: skip
DASHES = ("-", "--", "-.", ":", (0, (3, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 2)))
_MOST_DOTS = 24_000
_HIGHER, _SMALLEST = 3.0, 3.5  # times, and points of letters, for long descriptions
_NARROW = 4.5  # inches; letters in figures that are less wide are small
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")

# A technique has the same name, colour, dash and marker in every figure.
_TECHNIQUES: dict[str, tuple[str, str, Any, str]] = {
    "none": ("baseline", "#5f5f5f", "--", "o"),
    "fec": ("FEC", "#d1495b", "-", "s"),
    "forgetful-fec": ("forgetful FEC", "#00798c", (0, (5, 1, 1, 1, 1, 1)), "^"),
    "fea": ("FEA", "#edae49", (0, (3, 1)), "D"),
    "best-fec": ("best of FEC", "#8a5a2b", (0, (8, 2)), "X"),
    "fcm": ("FCM", "#30638e", "-.", "v"),
    "tabulist": ("tabulist", "#7b5ea7", ":", "P"),
    "guided": ("guided", "#3a7d44", (0, (1, 2)), "<"),
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
    named = {technique: style_of(technique) for technique in techniques if technique in _TECHNIQUES}
    taken = {colour for colour, _, _ in named.values()}
    dashes, markers = ({style[part] for style in named.values()} for part in (1, 2))
    own = {colour for _, colour, _, _ in _TECHNIQUES.values()}
    for place, technique in enumerate(techniques):
        colour, dash, marker = style_of(technique)
        if technique in techniques[:place] or technique not in _TECHNIQUES:
            if technique in techniques[:place] or colour in taken:
                free = [other for other in COLOURS if other not in taken and other not in own]
                colour = free[0] if free else colour
            dash, marker = _other(DASHES, dash, dashes), _other(MARKERS, marker, markers)
        taken.add(colour)
        dashes.add(dash)
        markers.add(marker)
        styles.append((colour, dash, marker))
    return styles


def _turn(values: Sequence[Any], place: int) -> Any:
    return values[place % len(values)]


def _other(values: Sequence[Any], wanted: Any, taken: set[Any]) -> Any:
    """The first of `values` from `wanted` on that is not taken; where all are, the one after it."""
    start = values.index(wanted)
    turned = [_turn(values, start + shift) for shift in range(len(values))]
    return next((value for value in turned if value not in taken), turned[1])


def technique_name(technique: str) -> str:
    """As the paper writes it."""
    return " + ".join(_TECHNIQUES[part][0] if part in _TECHNIQUES else part for part in technique.split("+"))


def name_of(series: Series) -> str:
    """What it is called in a figure: as somebody said, else its technique."""
    return series.called or technique_name(series.technique)


def labels_of(series: Sequence[Series], sep: str = ", ", keys: bool = True) -> list[str]:
    """What tells the series apart: the technique, unless all have the same, and what else is swept.

    Without `keys` the swept values stand alone, for figures that name the keys elsewhere.
    """
    same = len({one.technique for one in series}) == 1 and all(map(conditions, series))
    labels = []
    for one in series:
        if one.called:
            labels.append(one.called)
            continue
        values = condition_label(one, sep) if keys else sep.join(conditions(one).values()).replace("_", " ")
        labels.append(sep.join(filter(None, ["" if same else technique_name(one.technique), values])))
    return [
        label if labels.count(label) == 1 else f"{label} ({one.results.name})"
        for label, one in zip(labels, series, strict=True)
    ]


def notice_of(series: Iterable[Series]) -> str:
    """What the results say about their data, each sentence once."""
    return " ".join(dict.fromkeys(one.results.notice for one in series)).strip()


_AXIS_LABELS = {
    "curve": "best fitness so far",
    "auc": "AUC (mean best fitness along the search)",
    REEVALUATED_AUC: "AUC of the fitness on unseen data",
    "best_fitness": "best fitness found",
    "reevaluated_fitness": "fitness on unseen data",
    MIDWAY: "fitness on unseen data, at half the budget",
    "hit_fraction": "cache hit fraction",
    "repeats": "evaluations repeated while in flight",
}


def axis_label(quantity: str, series: Iterable[Series]) -> str:
    """What stands at the axis of a quantity; with several objectives f(t) is a hypervolume."""
    label = _AXIS_LABELS[quantity]
    return label.replace("best fitness", "hypervolume") if all(one.front for one in series) else label


@dataclass(frozen=True)
class Look:
    """What somebody asks of a figure besides its kind.

    Attributes
    ----------
    size : tuple of float or None
        Width and height in inches; None leaves them to the kind.
    dpi : float
        Dots an inch, of PNG.
    title : str
        Above it all; "" for none.

    Raises
    ------
    InputError
        When nothing could be seen on a figure of this size, or no memory would hold it.
    """

    size: tuple[float, float] | None = None
    dpi: float = 150.0
    title: str = ""

    def __post_init__(self) -> None:
        for side in self.size or ():
            if not 1.0 <= side <= 100.0:
                raise InputError(f"size: a figure's sides have between 1 and 100 inches, not {side:g}")
        if not 10.0 <= self.dpi <= 2400.0 or self.dpi * max(self.size or (10.0,)) > _MOST_DOTS:
            raise InputError(f"dpi: between 10 and 2400, and up to {_MOST_DOTS:,} dots a side, not {self.dpi:g}")


AS_ALWAYS = Look()
_LOOK: ContextVar[Look] = ContextVar("look", default=AS_ALWAYS)


@contextmanager
def looking(look: Look) -> Iterator[None]:
    """Figures that are drawn in this block look so."""
    token = _LOOK.set(look)
    try:
        yield
    finally:
        _LOOK.reset(token)


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
    in inches, unless another size is asked for (`looking`).
    """
    plt, look = _pyplot(), _LOOK.get()
    width, height = look.size or (width, height)
    # Fonts as TrueType (42), which journals ask for; and the same bytes for the same figure.
    letters = {"font.size": 10 if width >= _NARROW else 7.5, "legend.title_fontsize": "small", "pdf.fonttype": 42}
    spines = {"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25}
    # A dollar is one, for names and texts may be anybody's.
    rest = {"legend.frameon": False, "svg.hashsalt": out.name, "text.parse_math": False}
    with plt.rc_context({**letters, **spines, **rest}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # it would repeat what steers terminals
        fig, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", sharey=share_y)
        try:
            if look.title:
                _fold(fig.suptitle(look.title), fig.bbox.width, "width")
            if notice:
                write_below(fig, notice, size=6.5 if width >= _NARROW else 5.0, color="#555555")
            yield fig, axes
            _save(fig, out, grow=look.size is None)
        finally:
            plt.close(fig)


def write_below(fig: Any, text: str, **options: Any) -> None:
    """Write a line, or some, below all axes and above what was written there before; the axes leave it free."""
    engine = fig.get_layout_engine()
    left, foot, width, height = engine.get()["rect"]
    written = fig.text(0.5, foot + 0.01, text, ha="center", va="bottom", **options)
    _fold(written, fig.bbox.width, "width")
    taken = min(0.01 + written.get_window_extent().height / fig.bbox.height, height / 2)
    engine.set(rect=(left, foot + taken, width, height - taken))


def _show_texts(fig: Any) -> None:
    """Spell out what is no letter, such as an escape: there is no glyph for it, and no place in an SVG file."""
    for text in fig.findobj(lambda one: hasattr(one, "set_text") and not one.get_text().isprintable()):
        text.set_text(printable(text.get_text()))


def _fit_descriptions(fig: Any, *, grow: bool) -> None:
    """Texts that fill a panel find room: the figure gets higher where it may, letters smaller, the end goes."""
    texts = [text for axes in fig.axes for text in axes.texts if not text.get_in_layout()]
    if not texts:
        return

    def excess(text: Any) -> tuple[float, float]:
        size, room = text.get_window_extent(), text.axes.get_window_extent()
        return size.width / room.width, size.height / room.height

    fig.canvas.draw()
    if grow:
        fig.set_figheight(fig.get_figheight() * min(max(1.0, *(excess(text)[1] for text in texts)), _HIGHER))
        fig.canvas.draw()
    for text in texts:
        if (times := max(excess(text))) > 1.0:
            text.set_fontsize(max(0.95 * text.get_fontsize() / times, _SMALLEST))  # their widths are whole pixels
        if (times := excess(text)[1]) > 1.0:
            lines = text.get_text().splitlines()
            text.set_text("\n".join([*lines[: int(len(lines) / times) - 1], "…"]))


def _fold_labels(fig: Any) -> None:
    """Labels of places stand where they have no room beside each other; those of axes that are too long are folded."""
    fig.canvas.draw()
    for axes in fig.axes:
        ends = [text.get_window_extent() for text in axes.get_xticklabels() if text.get_text()]
        if any(first.x1 > second.x0 for first, second in itertools.pairwise(ends)):
            axes.tick_params(axis="x", labelrotation=90)
    fig.canvas.draw()
    for axes in fig.axes:
        frame = axes.get_window_extent()
        for label, longest, side in (
            (axes.xaxis.label, frame.width, "width"),
            (axes.yaxis.label, frame.height, "height"),
        ):
            _fold(label, longest, side)


def _fold(text: Any, longest: float, side: str) -> None:
    """Have a text in lines where its `side` is longer than so many pixels."""
    length = getattr(text.get_window_extent(), side)
    if length > longest > 0:
        words = text.get_text()
        text.set_text(textwrap.fill(words, max(int(0.95 * len(words) * longest / length), 8)))


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


def _save(fig: Any, out: Path, *, grow: bool) -> None:
    try:
        _show_texts(fig)  # matplotlib looks for the ticks here, and refuses numbers that are too far out
        _fit_descriptions(fig, grow=grow)
        _fold_labels(fig)
        out.parent.mkdir(parents=True, exist_ok=True)
        _show_texts(fig)
        _fit_descriptions(fig, grow=grow)
        _fold_labels(fig)
        drawn = io.BytesIO()
        form = out.suffix[1:].lower()
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
        fig.savefig(drawn, format=form, dpi=_LOOK.get().dpi, metadata=undated)
        write_whole(out, lambda file: put(file, drawn.getvalue()))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{out}: the figure cannot be written: {why}") from error
