"""The command line: parses, dispatches, prints. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import errno
import io
import os
import shlex
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ufh_cli import __version__
from ufh_cli.commands import analyses
from ufh_cli.commands.cache import cache_app
from ufh_cli.commands.options import (
    KIND_NAMES,
    RESULTS,
    Budget,
    Cluster,
    ConfigFile,
    Jobs,
    Name,
    ResultsRoot,
    Resume,
    Search,
    Seed,
    Settings,
    SetupName,
    Technique,
    Trials,
    WarmCache,
    Workers,
    figure_file,
)

_LONGEST_CANDIDATE = 1 << 20  # characters

if TYPE_CHECKING:
    from ufh_cli.experiment.run import Experiment

app = typer.Typer(
    name="ufh",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Fetch, convert and verify a setup's data.")
app.add_typer(data_app, name="data")
app.add_typer(cache_app, name="cache")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ufh {__version__}")
        raise typer.Exit


@app.callback()
def ufh(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version.")
    ] = False,
) -> None:
    """Searches for machine-learning programs that do not evaluate the same behaviour twice.

    Start with: ufh run nasbench --technique fec
    """


@app.command()
def run(
    setup: SetupName,
    technique: Technique = None,
    search: Search = None,
    trials: Trials = None,
    budget: Budget = None,
    seed: Seed = None,
    workers: Workers = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    warm_cache: WarmCache = None,
    config: ConfigFile = None,
    settings: Settings = None,
    name: Name = None,
    resume: Resume = False,
    results: ResultsRoot = RESULTS,
) -> None:
    """Run a search, several times, and write its time-courses.

    The same command again runs only what is missing.
    """
    from ufh_cli.configuration.request import read_request
    from ufh_cli.experiment.run import make_experiment

    given = {"technique": technique, "search.method": search, "trials": trials, "budget.cost": budget, "seed": seed}
    given |= {"workers": workers, "cache.warm": _folder(warm_cache, results)}
    experiment = make_experiment(*read_request(setup, config, given, settings, []))
    _run(experiment, name, resume, results, jobs, cluster, best=True)


@app.command()
def sweep(
    setup: SetupName,
    over: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V1,V2,…",
            help="A key and the values to run it at; several make a grid. [default: [over] of the configuration]",
        ),
    ] = None,
    technique: Technique = None,
    search: Search = None,
    trials: Trials = None,
    budget: Budget = None,
    seed: Seed = None,
    workers: Workers = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    warm_cache: WarmCache = None,
    config: ConfigFile = None,
    settings: Settings = None,
    name: Name = None,
    resume: Resume = False,
    results: ResultsRoot = RESULTS,
) -> None:
    """Run a search at every combination of some values, such as --over technique=none,fec."""
    from ufh_cli.configuration.request import read_request
    from ufh_cli.experiment.run import make_experiment

    given = {"technique": technique, "search.method": search, "trials": trials, "budget.cost": budget, "seed": seed}
    given |= {"workers": workers, "cache.warm": _folder(warm_cache, results)}
    experiment = make_experiment(*read_request(setup, config, given, settings, over or []))
    if not experiment.cells[0].swept:
        from ufh_cli.configuration.errors import InputError

        raise InputError("nothing to sweep: give --over KEY=V1,V2,… or a configuration with a section [over]")
    _run(experiment, name, resume, results, jobs, cluster)


@app.command()
def status(
    name: Annotated[str, typer.Argument(help="A result, whether it is being made or was interrupted.")],
    results: ResultsRoot = RESULTS,
) -> None:
    """Tell how a running or interrupted experiment stands; from any terminal."""
    from ufh_cli.analyses.tables import print_status
    from ufh_cli.records.folder import find_results
    from ufh_cli.records.status import read_status

    found = find_results(name, results)
    print_status(found, read_status(found))


@app.command()
def plot(
    names: Annotated[list[str], typer.Argument(help="Results: NAME, or NAME:key=value for some of its cells.")],
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(KIND_NAMES)}.")] = "curves",
    out: Annotated[
        Path | None,
        typer.Option(callback=figure_file, help="PNG, PDF or SVG. [default: KIND.png in the first result]"),
    ] = None,
    table: Annotated[Path | None, typer.Option(help="Also write the cells' means to this CSV file.")] = None,
    results: ResultsRoot = RESULTS,
) -> None:
    """Draw figures from results."""
    from ufh_cli.analyses.rows import summary_rows, write_rows
    from ufh_cli.analyses.series import select_all
    from ufh_cli.configuration.errors import InputError, nearest
    from ufh_cli.figures.kinds import KINDS

    if kind not in KINDS:
        raise InputError(f"unknown kind of figure {kind!r}; {nearest(kind, KINDS)}")
    series = select_all(names, results)
    target = out or series[0].results.path / f"{kind}.png"
    KINDS[kind](series, target)
    if table is not None:
        write_rows(summary_rows(series), table)
    typer.echo(f"wrote {target}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Results: NAME, or NAME:key=value for some of its cells.")],
    best: Annotated[bool, typer.Option("--best", help="Print the best candidate found.")] = False,
    each: Annotated[bool, typer.Option("--trials", help="A line a trial.")] = False,
    results: ResultsRoot = RESULTS,
) -> None:
    """Print results as a table."""
    from ufh_cli.analyses.series import select
    from ufh_cli.analyses.tables import print_best, print_summary, print_trials

    series = select(name, results)
    (print_trials if each else print_summary)(series)
    if best:
        print_best(series)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="Results: NAME, or NAME:key=value for one of its cells.")],
    second: Annotated[
        str | None,
        typer.Argument(help="What to compare with. [default: each technique in FIRST with its baseline]"),
    ] = None,
    results: ResultsRoot = RESULTS,
) -> None:
    """Tell whether one is better than another: differences with a confidence interval and a test."""
    from ufh_cli.analyses.baseline import with_baselines
    from ufh_cli.analyses.compare import compare as differences
    from ufh_cli.analyses.rows import difference_rows, print_rows
    from ufh_cli.analyses.series import select_all
    from ufh_cli.analyses.tables import print_differences
    from ufh_cli.configuration.errors import InputError

    series = select_all([first] if second is None else [first, second], results)
    if second is None and len(series) > 2:
        print_rows(difference_rows(with_baselines(series)), notices=[one.results.notice for one in series])
        return
    if len(series) != 2:
        labels = "; ".join(one.label for one in series)
        raise InputError(f"a comparison is between two, but {len(series)} are named ({labels}); use NAME:key=value")
    print_differences(series[0], series[1], differences(series[0], series[1]))


@app.command()
def setups() -> None:
    """List the installed setups."""
    from ufh_cli.analyses.tables import print_setups

    print_setups()


@app.command("hash")
def hash_(
    setup: SetupName,
    candidate: Annotated[str, typer.Argument(help="A candidate as text, a file that holds one, or - for the input.")],
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Print the key of one candidate, and how the setup reads it."""
    from ufh_cli.configuration.errors import InputError, printable
    from ufh_cli.configuration.request import read_request
    from ufh_cli.configuration.sweep import make_cells
    from ufh_cli.core.hashing import key_text
    from ufh_cli.experiment.trials import make_key, make_setup
    from ufh_cli.files import read_text

    cell = make_cells(*read_request(setup, config, {}, settings, []))[0].config
    made = make_setup(cell)
    try:
        text = sys.stdin.read(_LONGEST_CANDIDATE + 1) if candidate == "-" else candidate
        if candidate != "-" and os.path.exists(candidate) and not os.path.isdir(candidate):
            text = read_text(Path(candidate), _LONGEST_CANDIDATE)
    except (OSError, ValueError) as error:
        raise InputError(f"{candidate}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(text) > _LONGEST_CANDIDATE:
        raise InputError(f"a candidate's text may have up to {_LONGEST_CANDIDATE:,} characters")
    try:
        parsed = made.parse(text)
        key = make_key(cell, made)[0](parsed)
    except ValueError as error:
        raise InputError(f"{setup}: {error}") from error
    typer.echo(key_text(key) or repr(key))
    typer.echo(printable(made.describe(parsed)))


@data_app.command("fetch")
def data_fetch(setup: SetupName) -> None:
    """Download a setup's official data."""
    _data("fetch", setup, None)


@data_app.command("convert")
def data_convert(
    setup: SetupName,
    source: Annotated[
        Path | None, typer.Option("--from", help="The official file. [default: what was fetched]")
    ] = None,
) -> None:
    """Turn official data into the form that the setup reads."""
    _data("convert", setup, source)


@data_app.command("verify")
def data_verify(
    setup: SetupName,
    source: Annotated[Path | None, typer.Option("--from", help="What to verify. [default: all that is there]")] = None,
) -> None:
    """Check a setup's data against their checksums."""
    _data("verify", setup, source)


def _data(action: str, setup: str, source: Path | None) -> None:
    from ufh_cli.configuration.errors import InputError, nearest
    from ufh_cli.configuration.registry import load_setup
    from ufh_cli.progress import progress_bar

    actions = load_setup(setup).data_actions
    if action not in actions:
        raise InputError(f"{setup} has no data to {action}; {nearest(action, actions)}")
    with progress_bar(f"{action} {setup}", None, counted=False) as bar:
        try:
            sentence = actions[action](source=source, progress=lambda done, total: bar.show(done=done, total=total))
        except ValueError as error:
            raise InputError(str(error)) from error
    typer.echo(sentence)


analyses.register(app)


def _folder(name: str | None, results: Path) -> str | None:
    """The folder of the result called `name`."""
    from ufh_cli.records.folder import find_folder

    return None if name is None else str(find_folder(name, results))


def _run(
    experiment: Experiment,
    name: str | None,
    resume: bool,
    results: Path,
    jobs: int | None,
    cluster: str | None,
    best: bool = False,
) -> None:
    from ufh_cli.analyses.series import split
    from ufh_cli.analyses.tables import print_best, print_summary
    from ufh_cli.configuration.errors import InputError
    from ufh_cli.experiment.run import check_name, choose_name, run_experiment
    from ufh_cli.machines.sites import ignore_interrupts

    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs must be at least 1, got {jobs}")
    if name is not None:
        check_name(name)
    name = name or choose_name(experiment, results)
    path = results / name
    if resume and not (path / "experiment.toml").exists():
        raise InputError(f"there is nothing to resume in {path}")
    if cluster is not None:
        from ufh_cli.machines.cluster import count_workers

        if not count_workers(cluster):  # also before anything is written
            typer.echo(f"the cluster at {cluster} has no workers yet; waiting for them", err=True)
    try:
        finished = run_experiment(experiment, path, jobs, cluster)
    except KeyboardInterrupt:
        ignore_interrupts()  # nor shall the end of the process be spoilt by another
        with suppress(OSError):  # the terminal may be gone
            typer.echo(
                f"interrupted; finished trials are in {path}; "
                f"the same command with --name {shlex.quote(name)} goes on from there",
                err=True,
            )
        raise
    print_summary(split(finished))
    if best:
        print_best(split(finished))
    where = shlex.quote(name) + ("" if results == RESULTS else f" --results {shlex.quote(str(results))}")
    typer.echo(f"\nfiles: {path}\nnext:  ufh plot {where}    ufh show {where} --best")


# What an operating system says of files and their names; anything else is a mistake of ours.
_OF_FILES = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EROFS,
    errno.ENOTDIR, errno.EISDIR,
}  # fmt: skip


def _mend_streams() -> None:
    """What is closed is read and written all the same, and what a terminal cannot show becomes a question mark."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def main() -> None:
    """The entry point: every error that the user can mend is one line and exit code 2."""
    # Trials and workers are what uses the processors. On the small matrices of evaluations numpy's own threads only
    # wait for each other; who has large ones sets the variable. It must be there before numpy is.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name in ("SIGTERM", "SIGHUP"):  # a polite kill, or the terminal's end, loses no more than Ctrl-C
        number = getattr(signal, name, None)  # not every system has the latter
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup is to have its way
            signal.signal(number, signal.default_int_handler)
    _mend_streams()
    usage_error: Any = typer.BadParameter.__mro__[1]  # typer has no public name for it
    try:
        code = app(standalone_mode=False)
    except usage_error as error:
        message = error.format_message()
        from ufh_cli.configuration.errors import one_line, printable, shorten

        _tell(shorten(printable(message), 5000) if message.startswith("Usage:") else f"ufh: {one_line(message)}")
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except ValueError as error:
        from ufh_cli.configuration.errors import InputError

        if not isinstance(error, InputError):
            raise
        _tell(f"ufh: {error}")
        code = 2
    except MemoryError as error:
        _tell(f"ufh: not enough memory{f': {error}' if str(error) else ''}; smaller options may fit")
        code = 2
    except SystemExit as error:  # so do rich and typer end where the reader has gone
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        code = 0  # as with ``ufh show NAME | head -1``: nothing more to write, and nothing wrong
    except BrokenPipeError:
        code = 0
    except OSError as error:
        if error.errno not in _OF_FILES:
            raise
        from ufh_cli.configuration.errors import one_line

        _tell(one_line(f"ufh: {error.filename or 'a file'}: {error.strerror}"))
        code = 2
    _drop_what_nobody_reads()
    sys.exit(code)


def _tell(line: str) -> None:
    """On the error output, where that can be written: on a full device what is refused is refused all the same."""
    with suppress(OSError):
        typer.echo(line, err=True)


def _drop_what_nobody_reads() -> None:
    """Where the reader or the terminal has gone, the rest goes nowhere; else Python ends with a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.EIO) or (stream is sys.stderr and error.errno == errno.ENOSPC):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
