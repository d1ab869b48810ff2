"""The command line: the application and its entry point. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import traceback
from contextlib import suppress
from typing import Annotated, Any

import typer

from ufh_cli import __version__, compiling, temporary_cache
from ufh_cli.commands import analyses, data, listing, results, search
from ufh_cli.commands.cache import cache_app

app = typer.Typer(
    name="ufh",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ufh {__version__}")
        raise typer.Exit


@app.callback()
def ufh(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where errors come from; so does UFH_DEBUG=1.")] = False,
) -> None:
    """Searches for machine-learning programs that do not evaluate the same behaviour twice.

    Start with: ufh run nasbench --technique fec
    """


for room in (search, results, listing, data, analyses):
    room.register(app)
app.add_typer(cache_app, name="cache")


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
    if temporary_cache is not None:
        typer.echo(f"compiled code goes to {temporary_cache}; NUMBA_CACHE_DIR names a folder that stays", err=True)
    if _tell_of_compiling not in compiling.watchers:
        compiling.watchers.append(_tell_of_compiling)
    arguments = sys.argv[1:]
    debug = os.environ.get("UFH_DEBUG", "") not in ("", "0") or "--debug" in arguments
    code = _run([word for word in arguments if word != "--debug"], debug)  # it may stand anywhere
    _drop_what_nobody_reads()
    sys.exit(code)


def _tell_of_compiling(name: str | None, seconds: float) -> None:
    from ufh_cli.progress import compilation  # most commands compile nothing

    compilation(name, seconds)


# What an operating system says of files and their names; anything else is a mistake of ours.
_OF_FILES = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EROFS,
    errno.ENOTDIR, errno.EISDIR,
}  # fmt: skip


def _run(arguments: list[str], debug: bool) -> int:
    """The exit code of the command, after a line on what went wrong; with `debug` after all of it."""
    usage_error: Any = typer.BadParameter.__mro__[1]  # typer has no public name for it
    try:
        return app(arguments, prog_name="ufh", standalone_mode=False) or 0
    except usage_error as error:
        message = error.format_message()
        from ufh_cli.configuration.errors import one_line, printable, shorten

        line = shorten(printable(message), 5000) if message.startswith("Usage:") else f"ufh: {one_line(message)}"
        return _refused(error, line, debug)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except ValueError as error:
        from ufh_cli.configuration.errors import InputError

        if not isinstance(error, InputError):
            raise
        return _refused(error, f"ufh: {error}", debug)
    except RuntimeError as error:
        if not str(error).startswith("cannot cache function"):  # numba's only way to say it
            raise
        line = "ufh: there is no folder for compiled code: set NUMBA_CACHE_DIR to one that can be written"
        return _refused(error, line, debug)
    except MemoryError as error:
        what = f": {error}" if str(error) else ""
        return _refused(error, f"ufh: not enough memory{what}; smaller options may fit", debug)
    except SystemExit as error:  # so do rich and typer end where the reader has gone
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        return 0  # as with ``ufh show NAME | head -1``: nothing more to write, and nothing wrong
    except BrokenPipeError:
        return 0
    except OSError as error:
        if error.errno not in _OF_FILES:
            raise
        from ufh_cli.configuration.errors import one_line

        return _refused(error, one_line(f"ufh: {error.filename or 'a file'}: {error.strerror}"), debug)


def _refused(error: BaseException, line: str, debug: bool) -> int:
    with suppress(OSError):  # on a full device what is refused is refused all the same
        if debug:
            typer.echo("".join(traceback.format_exception(error)), err=True)
        typer.echo(line, err=True)
    return 2


def _drop_what_nobody_reads() -> None:
    """Where the reader or the terminal has gone, the rest goes nowhere; else Python ends with a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.EIO) or (stream is sys.stderr and error.errno == errno.ENOSPC):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
