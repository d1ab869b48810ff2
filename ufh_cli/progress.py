"""Progress bars: one look for everything that takes long, silent when the output is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

console = Console(stderr=True)
_shown: list[Bar] = []  # those on the terminal now


class Bar:
    """A bar, and a line of words below it.

    Parameters
    ----------
    progress, task, words
        The rich objects that draw them.
    """

    def __init__(self, progress: Progress, task: TaskID, words: Text) -> None:
        self._progress = progress
        self._task = task
        self._words = words

    def advance(self, steps: float = 1) -> None:
        """So many more are done."""
        self._progress.advance(self._task, steps)

    def show(self, *, done: float | None = None, total: float | None = None, note: str | None = None) -> None:
        """Set how much is done and of how much, or the words below the bar."""
        self._progress.update(self._task, completed=done, total=total)
        if note is not None:
            self._words.plain = note


@contextmanager
def progress_bar(title: str, total: float | None, *, done: int = 0, counted: bool = True) -> Iterator[Bar]:
    """A bar on the error output while the block runs."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn() if counted else TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    words = Text(style="dim", no_wrap=True, overflow="ellipsis")
    bar = Bar(progress, progress.add_task(title, total=total, completed=done), words)
    if not console.is_terminal:
        yield bar
        return
    # The words have a line of their own, so that in a narrow terminal they do not push out the time that is left.
    with Live(get_renderable=lambda: Group(progress, words) if words else progress, console=console, transient=True):
        _shown.append(bar)
        try:
            yield bar
        finally:
            _shown.remove(bar)


class Compilation:
    """Tells that functions are being compiled: which and for how long, or in one line where there is no terminal."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._told = self._noted = False
        self._name = ""
        self._began = 0.0

    def __call__(self, name: str | None, seconds: float) -> None:
        """The function `name` is being compiled, after so many seconds in all; None: it is done."""
        with suppress(OSError, ValueError):  # nobody may read it any more, or it is closed
            if name is None:
                self._hide()
            else:
                self._name, self._began = name, time.monotonic() - seconds
                self._show()

    def _show(self) -> None:
        if not console.is_terminal:
            if not self._told:
                console.print("compiling functions, once: takes some seconds", highlight=False, soft_wrap=True)
            self._told = True
        elif _shown:
            _shown[-1].show(note=self._words().plain)
            self._noted = True
        elif self._live is None:
            self._live = Live(
                get_renderable=self._words,
                console=console,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _hide(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        elif self._noted and _shown:
            _shown[-1].show(note="")
            self._noted = False

    def _words(self) -> Text:
        words = f"compiling functions, once: {time.monotonic() - self._began:.0f} s, {self._name}"
        return Text(words, style="dim", no_wrap=True, overflow="ellipsis")


compilation = Compilation()


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
