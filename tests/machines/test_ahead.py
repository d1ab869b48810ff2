"""Quick evaluations lie ready for their worker: how many, and what becomes of them when the one before kills it."""

import os
import time
from concurrent.futures import Future

import pytest

from ufh_cli.configuration.registry import load_setup
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual
from ufh_cli.core.workers import Job
from ufh_cli.machines.evaluation import SetupSpec, prepare
from ufh_cli.machines.parallel import ParallelWorkers
from ufh_cli.machines.sites import KeptSite, LocalSite

CANDIDATES = 60


@pytest.fixture
def faulty(ufh, monkeypatch):
    """The class of the setup, for this process and for those that it starts."""
    for folder in ufh.path:
        monkeypatch.syspath_prepend(str(folder))
    return load_setup("faulty")


def evaluate_all(workers, setup):
    """Evaluate CANDIDATES random ones; the jobs in order of completion, and the most that were under way at once."""
    rng, proposed, most, done = Rng.from_seed(3), 0, 0, []
    try:
        while len(done) < CANDIDATES:
            while workers.idle and proposed < CANDIDATES:
                workers.submit(Job(Individual(setup.random_candidate(rng)), proposed, rng.word(), 0.0, None, True))
                proposed += 1
            most = max(most, workers.busy)
            done.append(workers.next())
    finally:
        workers.close()
    return done, most


def make(places, options, **limits):
    spec = SetupSpec.of("faulty", options)
    return ParallelWorkers(spec, KeptSite().get(places, None, prepare, spec), **limits)


class TimedSite:
    """Evaluates at once, and says that it took `seconds`: what is decided by them does not depend on the machine."""

    def __init__(self, places, seconds):
        local = LocalSite(places)
        self.places, self.ahead = local.places, local.ahead
        local.close()
        self.seconds = seconds

    def start(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments)._replace(seconds=self.seconds))
        return future

    def wait(self, futures, timeout):
        return futures[:1]

    def elapsed(self, future):
        return None

    def finish(self, future):
        pass

    def close(self):
        pass


@pytest.mark.parametrize(
    ("places", "seconds", "under_way"), [(1, 0.0, 1), (2, 0.0, 18), (3, 0.0, 27), (2, 0.003, 8), (2, 0.03, 2)]
)
def test_the_quicker_evaluations_are_the_more_lie_ready(faulty, places, seconds, under_way):
    workers = ParallelWorkers(SetupSpec.of("faulty", {}), TimedSite(places, seconds))
    done, most = evaluate_all(workers, faulty())
    assert most == under_way
    assert sorted(job.number for job in done) == list(range(CANDIDATES))


def is_bad(job, every):
    places = enumerate(job.individual.candidate)
    return sum((7 * coefficient + power) * 5**place for place, (coefficient, power) in places) % every == 0


@pytest.mark.parametrize(("fault", "limits"), [("deadly", {"attempts": 1}), ("endless", {"timeout": 3.0})])
def test_who_lay_ready_is_not_blamed_for_the_one_before(faulty, fault, limits):
    """With a single attempt, whoever were blamed for another's death would be lost."""
    setup, every = faulty(), 24
    done, _ = evaluate_all(make(2, {fault: every}, **limits), setup)
    assert sorted(job.number for job in done) == list(range(CANDIDATES))
    lost = {job.number for job in done if job.lost}
    assert lost == {job.number for job in done if is_bad(job, every)}
    assert lost
    for job in done:
        if not job.lost:
            assert job.evaluation.fitness == setup.evaluate(job.individual.candidate, Rng.from_word(job.seed)).fitness


def process_after(seconds):
    time.sleep(seconds)
    return os.getpid()


def outcomes(site, futures):
    while len(done := site.wait(futures, 1.0)) < len(futures):
        pass
    return [future.result() for future in done]


@pytest.mark.parametrize(("left_behind", "kept"), [(0.0, True), (0.3, True), (3600.0, False)])
def test_processes_serve_again_unless_what_they_were_left_with_takes_too_long(faulty, monkeypatch, left_behind, kept):
    if kept:
        monkeypatch.setattr("ufh_cli.machines.sites._PATIENCE", 60.0)  # on a busy machine a moment may last longer
    site = LocalSite(2)
    try:
        before = set(outcomes(site, [site.start(process_after, 0.2) for _ in range(2)]))
        for _ in range(2):
            site.start(process_after, left_behind)
        site.release()
        after = set(outcomes(site, [site.start(process_after, 0.2) for _ in range(2)]))
        assert len(before) == len(after) == 2
        assert (before == after) == kept
        assert kept or not before & after
    finally:
        site.close()


def test_only_the_same_processes_are_kept():
    kept = KeptSite()
    try:
        first = kept.get(2, None, process_after, 0.0)
        assert kept.get(2, None, process_after, 0.0) is first
        assert kept.get(2, None, process_after, 0.1) is not first
        assert kept.get(3, None, process_after, 0.1).places == 3
    finally:
        kept.close()
