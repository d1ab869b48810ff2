"""Mutated inputs, always the same ones: each is read or refused in one line, soon, in little memory, and harms nothing.

More of them, or others: UFH_MUTATIONS=20000 UFH_MUTATIONS_SEED=7.
"""

import os
import random
import resource
import shutil
import signal
import traceback
from contextlib import contextmanager

import pytest

COUNT = int(os.environ.get("UFH_MUTATIONS", "2000"))
SEED = int(os.environ.get("UFH_MUTATIONS_SEED", "1"))
PARTS = 8
MEGABYTES = 1024
SECONDS = 10
RUN = (
    "paired",
    "--search=nsga2",
    "--jobs=1",
    "--set=budget.candidates=12",
    "--set=options.terms=3",
    "--set=journal=yes",
)
CLAIMS = """title = "A title"
text = "words"

[[figure]]
name = "one"
title = "One"
run = ["ufh run"]

[[figure.claim]]
paper = "better"
measure = "better"
series = ["one:technique=fec", "one:technique=none"]
quantity = "auc"
"""
TOKENS = [
    "0", "-1", "1e999", "nan", "-inf", "1" + "0" * 309, "1" + "0" * 5000, "0x" + "f" * 5000, "9" * 18, "1e19",
    "0.5", "4294967301", "''", '""', "[]", "{}", "[[]]", "true", "null", "None", "none", "'a'", '"\\u001b[2J"',
    "\x1b]0;t\x07",
    "\x00", "\ufeff", "é", "\ud7ff", "=", ",", "\n", '"', "[", "]", "{", "[" * 3000, "{'a':" * 3000,
    ".".join("a" * 990),
    "x" * 100_000, "1979-05-27", "../../outside", "seed = 1\n", "[over]\n", "budget", '"key": ""', "journal",
    "trial", "1,2", "-0.0", "½", "\u0661",
]  # fmt: skip
FILES = ("experiment.toml", "trials.csv", "curves.csv", "best.json", "front.json", "journal.jsonl", "claims.toml")


def mutated(text, rng):
    """The text with one to three things wrong."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.randrange(8)
        place = rng.randrange(len(text) + 1)
        words = text.split(" ")
        lines = text.splitlines(keepends=True) or [""]
        line = rng.randrange(len(lines))
        if kind == 0:
            text = text[:place]
        elif kind == 1:
            text = text[:place] + chr(rng.randrange(1, 0x250)) + text[place + 1 :]
        elif kind == 2:
            text = text[:place] + rng.choice(TOKENS) + text[place:]
        elif kind == 3:
            words[rng.randrange(len(words))] = rng.choice(TOKENS)
            text = " ".join(words)
        elif kind == 4:
            text = "".join([*lines[:line], *lines[line + 1 :]])
        elif kind == 5:
            text = "".join([*lines[:line], rng.choice(lines), *lines[line:]])
        elif kind == 6:
            before, mark, _ = lines[line].partition(rng.choice("=:,"))
            lines[line] = f"{before}{mark} {rng.choice(TOKENS)}\n"
            text = "".join(lines)
        else:
            cells = lines[line].split(",")
            cells[rng.randrange(len(cells))] = rng.choice(TOKENS)
            lines[line] = ",".join(cells)
            text = "".join(lines)
    return text


def replace(path, rng):
    """Something else in the place of a file."""
    path.unlink(missing_ok=True)
    kind = rng.randrange(5)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    else:
        path.symlink_to(("/dev/zero", "../../outside", path.name)[kind - 2])


class Late(BaseException):
    """No part of the program takes it for its own."""


@contextmanager
def patience(seconds):
    def late(*_):
        raise Late(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def made(ufh):
    """A result of two cells, the claims of it, and a file that nothing may touch."""
    ufh("sweep", *RUN, "--over=technique=none,fec", "--trials=2", "--name=one")
    (ufh.folder / "outside").write_text("not yours\n")
    (ufh.folder / "results" / "one" / "claims.toml").write_text(CLAIMS)
    return ufh.folder / "results" / "one"


def commands(name, rng):
    """What would read the file `name`."""
    again = ("sweep", *RUN, "--over=technique=none,fec", "--trials=3", "--name=mutant")
    if name == "claims.toml":
        return [("report", "results/mutant/claims.toml", "--out", "results/mutant/README.md")]
    if name == "journal.jsonl":
        return [
            rng.choice(
                (("status", "mutant"), again, ("run", *RUN, "--technique=fec", "--warm-cache=mutant", "--name=w"))
            )
        ]
    shown = [("show", "mutant", "--best"), ("show", "mutant", "--trials"), ("status", "mutant"), ("speedup", "mutant"),
             ("compare", "mutant:technique=none", "mutant:technique=fec"), again,
             ("run", *RUN, "--config=results/mutant/experiment.toml", "--trials=1", "--name=c")]  # fmt: skip
    return [rng.choice(shown)]


def settings(rng):
    """A command line with wrong values."""
    keys = ("seed", "trials", "workers", "technique", "hash.mantissa_bits", "hash.kind", "cache.warm", "search.method",
            "search.population_size", "evaluation.memory", "evaluation.timeout", "budget.cost", "reevaluate", "options",
            "hash", "over")  # fmt: skip
    values = ("5", "fec", "0.5", "none")
    pairs = [f"--set={rng.choice(keys)}={mutated(rng.choice(values), rng)}" for _ in range(rng.choice((1, 2)))]
    pairs = [pair.replace("\x00", "") for pair in pairs]
    swept = [f"--over={rng.choice(keys)}={mutated('1,2', rng)}".replace("\x00", "")] * rng.randrange(2)
    return ("sweep" if swept else "run", *RUN, "--trials=1", *swept, *pairs, "--name=s")


def faults(ufh, made, numbers):
    """The inputs that are neither read nor refused as they should be."""
    mutant, found = made.parent / "mutant", []
    for number in numbers:
        rng = random.Random(SEED * 1_000_003 + number)
        for path in made.parent.iterdir():
            if path != made:
                shutil.rmtree(path)
        name = rng.choice((*FILES, "command line"))
        if name == "command line":
            asked = [settings(rng)]
        else:
            shutil.copytree(made, mutant)
            if rng.random() < 0.05:
                replace(mutant / name, rng)
            else:
                text = mutated((made / name).read_text(), rng)
                encoding = rng.choice(("utf-8",) * 8 + ("utf-8-sig", "utf-16", "latin-1"))
                (mutant / name).write_bytes(text.encode(encoding, errors="replace"))
            asked = commands(name, rng)
        for command in asked:
            try:
                with patience(SECONDS):
                    ended = ufh(*command, code=None)
                assert ended.code == 0 or ended.refusal()
                assert len(ended.err) < 5000
                assert all(one.isprintable() or one in "\n\t" for one in ended.out + ended.err)
            except (Exception, Late, pytest.fail.Exception):
                found.append((number, name, [word[:80] for word in command], traceback.format_exc()[-700:]))
        if (ufh.folder / "outside").read_text() != "not yours\n" or len(list(ufh.folder.iterdir())) > 2:
            found.append((number, name, asked, "written outside"))
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_inputs_are_read_or_refused(ufh, made, part):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = faults(ufh, made, range(part, COUNT, PARTS))
    assert not found, (len(found), *found[:3])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES * 1024
