"""Progress bars: one look for everything that takes long, silent when the output is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

console = Console(stderr=True)


class Bar:
    """One line of progress.

    Parameters
    ----------
    progress, task
        The rich objects that draw it.
    """

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: float = 1) -> None:
        """So many more are done."""
        self._progress.advance(self._task, steps)

    def show(self, *, done: float | None = None, total: float | None = None, note: str | None = None) -> None:
        """Set how much is done and of how much, or the words behind the bar."""
        changes = {"completed": done, "total": total, "note": note}
        self._progress.update(self._task, **{key: value for key, value in changes.items() if value is not None})  # type: ignore[arg-type]


@contextmanager
def progress_bar(title: str, total: float | None, *, done: int = 0, counted: bool = True) -> Iterator[Bar]:
    """A bar on the error output while the block runs."""
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn() if counted else TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    ]
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield Bar(progress, progress.add_task(title, total=total, completed=done, note=""))


@contextmanager
def preparation(setup: str, built: str) -> Iterator[Callable[[int, int | None], None]]:
    """Shows what `setup` builds on first use: a bar, or one line where there is no terminal.

    Gives a function of (steps done, steps in all). Nothing is shown before it is called.
    """
    bars: list[Bar] = []
    with ExitStack() as stack:

        def progress(done: int, total: int | None) -> None:
            if not bars:
                if not console.is_terminal:
                    console.print(f"{setup}: building {built}, once", highlight=False, markup=False, soft_wrap=True)
                bars.append(stack.enter_context(progress_bar(f"preparing {setup}", total)))
            bars[0].show(done=done, total=total)

        yield progress
