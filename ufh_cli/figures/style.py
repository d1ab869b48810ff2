"""One look for all figures, readable in grey: lines differ in dash, markers in shape, and not in colour alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ufh_cli.experiment.errors import InputError

COLOURS = ("#5f5f5f", "#d1495b", "#00798c", "#edae49", "#30638e", "#7b5ea7", "#3a7d44", "#b07d62")
DASHES = ("-", "-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

AXIS_LABELS = {
    "auc": "AUC (mean best fitness along the search)",
    "best_fitness": "best fitness found",
    "reevaluated_fitness": "fitness on unseen data",
    "hit_fraction": "cache hit fraction",
}


@contextmanager
def figure(out: Path, notice: str, *, width: float = 6.4, height: float = 4.2) -> Iterator[tuple[Any, Any]]:
    """(figure, axes) to draw on; saved to `out` when the block ends, with `notice` at its foot."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 10, "axes.grid": True,
                         "grid.alpha": 0.25, "legend.frameon": False}):  # fmt: skip
        fig, axes = plt.subplots(figsize=(width, height), layout="constrained")
        try:
            yield fig, axes
            if notice:
                fig.supxlabel(notice, fontsize=6.5, color="#555555")
            out.parent.mkdir(parents=True, exist_ok=True)
            fig.savefig(out, dpi=150)
        except (OSError, ValueError) as error:
            raise InputError(f"{out}: the figure cannot be written: {error}") from error
        finally:
            plt.close(fig)
