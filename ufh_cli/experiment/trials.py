"""One trial from its configuration to its record; what a process of the pool runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import ExperimentConfig, make_guidance, make_search
from ufh_cli.core.guided.outputs import LatestOutputs, Outputs
from ufh_cli.core.guided.tally import Tally
from ufh_cli.core.hashing import FunctionalHash, key_text
from ufh_cli.core.hurdle import RollingHurdle
from ufh_cli.core.per_task import PerTaskCache, task_keys
from ufh_cli.core.raised import told
from ufh_cli.core.search import Individual
from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.core.techniques import Technique, make_technique
from ufh_cli.core.trial import Budget, KeyFunction, Streams, Trial, TrialResult, functional_keys
from ufh_cli.core.workers import (
    EvaluationFailed,
    Job,
    SetupFailed,
    SimulatedWorkers,
    Workers,
    WrongCost,
    evaluate_job,
)
from ufh_cli.experiment.warm import warm_evaluations, what_keys_mean
from ufh_cli.machines.evaluation import SetupSpec, prepare
from ufh_cli.machines.parallel import ParallelWorkers, Running
from ufh_cli.machines.shared import SharedCache
from ufh_cli.machines.sites import HereSite, KeptSite, Site
from ufh_cli.records.folder import FILE_HITS, STOPPED
from ufh_cli.records.journal import Journal
from ufh_cli.records.outcome import RAISED, Outcome
from ufh_cli.records.replay import Replay
from ufh_cli.records.trial_record import TrialRecord

_HOPELESS = 5  # candidates lost before any was evaluated
# Dask has a limit of its own, but counts the death of a process against all that lie ready there, so once more.
_CLUSTER_ATTEMPTS = 2


@dataclass(frozen=True)
class Surroundings:
    """Where a trial runs and what it keeps; nothing that changes its outcome when serial.

    Attributes
    ----------
    journal : Path or None
        The journal's file, where one is kept.
    identity : str
        The experiment that the journal must be of.
    cluster : str or None
        The address of the scheduler of a cluster that evaluates.
    warm : mapping of str to str
        The earlier experiments whose evaluations warm the cache, and the digests of their journals.
    data : mapping of int to str
        Number of a cell -> the fingerprint that its data must have where the trial runs; not checked where missing.
    """

    journal: Path | None = None
    identity: str = ""
    cluster: str | None = None
    warm: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[int, str] = field(default_factory=dict)


def make_setup(config: ExperimentConfig) -> Setup:
    """The setup of `config`; see `SetupSpec.make`."""
    return setup_spec(config).make()


def setup_spec(config: ExperimentConfig) -> SetupSpec:
    """Names the setup of `config` with its options."""
    return SetupSpec.of(config.setup, config.options)


def make_trial(
    config: ExperimentConfig,
    trial: int,
    *,
    workers: Workers | None = None,
    warm: Iterable[tuple[Hashable, Evaluation]] = (),
    observe: Callable[[Trial], None] | None = None,
) -> Trial:
    """Trial number `trial` of `config`, ready to run.

    `workers` are simulated ones unless given; the cache begins with the keys and evaluations `warm`.
    """
    setup = make_setup(config)
    streams = Streams.of(config.seed, trial)
    technique = _technique(config, streams)
    outputs = None if technique.guidance is None else LatestOutputs(setup.hashable_outputs)
    key, key_cost = make_key(config, setup, outputs)
    if technique.cache is not None and config.hash.kind == "per-task":
        technique.cache = PerTaskCache(technique.cache, setup.combine_tasks)
    if technique.cache is not None:
        technique.cache.warm(warm)
    made = Trial(
        setup,
        make_search(config),
        technique,
        key=key,
        key_cost=key_cost,
        streams=streams,
        budget=Budget(
            cost=math.inf if config.budget.cost is None else config.budget.cost,
            candidates=config.budget.candidates,
            target_fitness=config.budget.target_fitness,
            target_objectives=config.budget.target_objectives or (),
        ),
        workers=workers or SimulatedWorkers(setup, config.workers),
        hurdle=make_hurdle(config),
        follow_test=config.reevaluate == "improvements" or (config.reevaluate == "auto" and setup.free_reevaluation),
        tolerance=config.cache.tolerance,
        relative_tolerance=config.cache.relative_tolerance or 0.0,
        observe=observe,
        outputs=outputs,
    )
    if made.guide is not None and made.guide.judges and config.hash.kind != "functional":
        raise ValueError(f"guided.features = outputs needs hash.kind = functional, not {config.hash.kind}")
    return made


def _technique(config: ExperimentConfig, streams: Streams) -> Technique:
    forget = config.cache.forget_probability
    return make_technique(
        config.technique,
        rng=streams.cache,
        forget_probability=None if forget == "1/N" else forget,
        max_evaluations=config.cache.max_evaluations,
        max_entries=config.cache.max_entries,
        counterfactual=config.cache.counterfactual,
        wait_for_duplicates=config.cache.wait_for_duplicates,
        max_seen=config.proposals.max_seen,
        max_tries=config.proposals.max_tries,
        accumulate=config.proposals.accumulate,
        guidance=make_guidance(config),
    )


def make_hurdle(config: ExperimentConfig) -> RollingHurdle | None:
    """What the first stages of one trial must reach, where `config` asks for a hurdle."""
    percentile, window = config.evaluation.hurdle_percentile, config.evaluation.hurdle_window
    if percentile is None:
        return None
    return RollingHurdle(percentile=percentile, window=window or config.search.get("population_size", 100))


def make_key(config: ExperimentConfig, setup: Setup, outputs: Outputs | None = None) -> tuple[KeyFunction, float]:
    """The function from candidate to key that `config` asks for, and what one key costs.

    `outputs` takes the place of the setup's hashable outputs.
    """
    if config.hash.kind == "structural":
        return setup.structural_key, config.hash.cost or 0.0
    functional = FunctionalHash(mantissa_bits=config.hash.mantissa_bits, decimals=config.hash.decimals)
    cost = setup.hash_cost if config.hash.cost is None else config.hash.cost
    if config.hash.kind == "per-task":
        return task_keys(setup, functional), cost
    return functional_keys(setup, functional, outputs), cost


def run_one(
    config: ExperimentConfig,
    cell: int,
    trial: int,
    surroundings: Surroundings,
    observe: Callable[[Trial], None] | None = None,
    watch: Callable[[Sequence[Running]], None] | None = None,
    kept: KeptSite | None = None,
) -> TrialRecord:
    """Run one trial and put its outcome into the form that is written; processes are those `kept` from the last."""
    start = time.perf_counter()
    setup = setup_spec(config)._replace(data=surroundings.data.get(cell)).make()
    journal = replay = None
    if surroundings.journal is not None:
        journal = Journal(surroundings.journal, surroundings.identity)
        replay = Replay(journal, setup, cell, trial)
    seconds_before = 0.0 if replay is None else replay.seconds_before
    warm = warm_evaluations(config, surroundings.warm)
    shared = None if config.cache.file is None else SharedCache(Path(config.cache.file), setup, what_keys_mean(config))
    workers = make_workers(config, setup, replay, surroundings.cluster, watch, kept, shared)
    try:
        result = make_trial(config, trial, workers=workers, warm=warm, observe=observe).run()
        seconds = seconds_before + time.perf_counter() - start
        return make_record(config, cell, trial, result, seconds, getattr(workers, "file_hits", 0))
    except (WrongCost, EvaluationFailed) as error:
        raise _refusal(config, trial, str(error), error) from error
    except SetupFailed as error:
        what = told(type(setup), error.__cause__ or error) or str(error)
        raise _refusal(config, trial, what, error) from error
    finally:
        try:
            if isinstance(workers, ParallelWorkers):
                workers.close()
        finally:
            if journal is not None:
                journal.close()
            if shared is not None:
                shared.close()


def _refusal(config: ExperimentConfig, trial: int, what: str, error: Exception) -> InputError:
    """What the setup did wrong in the middle of a trial, in a line."""
    remedy = ""
    if isinstance(error, EvaluationFailed) and not config.evaluation.catch:
        remedy = "; --set evaluation.catch=true counts such candidates as lost"
    refusal = InputError(
        f"setup {config.setup}, {config.search['method']}, trial {trial}: {what} (--debug shows where{remedy})"
    )
    for note in getattr(error, "__notes__", ()):
        refusal.add_note(note)
    return refusal


def is_parallel(config: ExperimentConfig, setup: Setup) -> bool:
    """Whether one trial uses processes of its own."""
    limited = config.evaluation.timeout is not None or config.evaluation.memory is not None
    return (config.workers > 1 or limited) and not setup.simulated_cost


class Catching:
    """Evaluates jobs in this process; those that raise are lost, at the mean cost of those before them.

    Parameters
    ----------
    evaluate : callable
        Job -> Evaluation; raises `EvaluationFailed`, or answers and sets ``job.lost`` where the journal says so.
    replay : Replay or None
        Where what is lost is written down.
    """

    def __init__(self, evaluate: Callable[[Job], Evaluation], replay: Replay | None) -> None:
        self._evaluate = evaluate
        self._replay = replay
        self._cost = 0.0
        self._found = self._lost = 0

    def __call__(self, job: Job) -> Evaluation:
        start = time.perf_counter()
        try:
            evaluation = self._evaluate(job)
        except EvaluationFailed:
            self._lost += 1
            if self._lost >= _HOPELESS and not self._found:
                raise
            job.lost = True
            evaluation = Evaluation(-math.inf, self._cost / max(self._found, 1))
            if self._replay is not None:
                outcome = Outcome(evaluation, time.perf_counter() - start, RAISED)
                self._replay.record(job, outcome, job.number + 1)
        if not job.lost:
            self._cost += evaluation.cost
            self._found += 1
        return evaluation


def make_workers(
    config: ExperimentConfig,
    setup: Setup,
    replay: Replay | None,
    cluster: str | None = None,
    watch: Callable[[Sequence[Running]], None] | None = None,
    kept: KeptSite | None = None,
    shared: SharedCache | None = None,
) -> Workers:
    """Those who evaluate: simulated ones, this process, processes of this machine, or a cluster."""
    spec = setup_spec(config)
    site: Site
    catch = bool(config.evaluation.catch)
    if setup.simulated_cost:
        evaluate = None if replay is None else replay.evaluate
        if catch:
            evaluate = Catching(evaluate or partial(evaluate_job, setup), replay)
        return SimulatedWorkers(setup, config.workers, evaluate)
    if cluster is not None:
        from ufh_cli.machines.cluster import ClusterSite

        spec = spec._replace(data=setup.fingerprint())
        site = ClusterSite(cluster, config.workers if config.workers > 1 else None, partial(prepare, spec))
    elif is_parallel(config, setup):
        site = (kept or KeptSite()).get(config.workers, config.evaluation.memory, prepare, spec)
    elif replay is not None:
        site = HereSite()
    else:
        return SimulatedWorkers(setup, evaluate=Catching(partial(evaluate_job, setup), None) if catch else None)
    return ParallelWorkers(
        spec,
        site,
        replay=replay,
        timeout=config.evaluation.timeout,
        attempts=config.evaluation.attempts if cluster is None else _CLUSTER_ATTEMPTS,
        watch=watch,
        keep=kept is not None and cluster is None,
        catch=catch,
        shared=shared,
    )


def make_record(
    config: ExperimentConfig, cell: int, trial: int, result: TrialResult, wall_seconds: float, file_hits: int = 0
) -> TrialRecord:
    """The record of a finished trial."""
    setup = make_setup(config)
    best: dict[str, Any] = {"trial": trial}
    if result.best is not None:
        best |= {
            "fitness": result.best.fitness,
            "reevaluated_fitness": result.reevaluated_fitness,
            **_key_entry(result.best),
            "description": setup.describe(result.best.candidate),
        }
        details = setup.details(result.best.candidate, result.best.fitness)
        if details:
            best["details"] = details
    row = {
        "trial": trial,
        "seed": config.seed,
        "status": "finished",
        "auc": result.auc,
        "best_fitness": result.best_fitness,
        "reevaluated_fitness": result.reevaluated_fitness,
        "candidates": result.candidates,
        "evaluations": result.evaluations,
        "cache_hits": result.cache_hits,
        "hit_fraction": result.hit_fraction,
        "cost": result.cost,
        "cost_unit": setup.cost_unit,
        "wall_seconds": round(wall_seconds, 3),
        "stopped_by": result.stopped_by,
        "partial_hits": result.partial_hits,
        "collisions": result.collisions,
        "comparisons": result.comparisons,
        "repeats": result.repeats,
        "waits": result.waits,
        "warm_hits": result.warm_hits,
        "lost": result.lost,
        STOPPED: result.stopped,
        FILE_HITS: file_hits,
        **(result.guidance or Tally()).row(),
    }
    return TrialRecord(cell, trial, row, result.curve, best, [_front_entry(setup, trial, one) for one in result.front])


def _front_entry(setup: Setup, trial: int, individual: Individual) -> dict[str, Any]:
    assert setup.objectives is not None
    return {
        "trial": trial,
        "objectives": dict(zip(setup.objectives.names, individual.objectives, strict=True)),
        **_key_entry(individual),
        "description": setup.describe(individual.candidate),
    }


def _key_entry(individual: Individual) -> dict[str, str]:
    """Its key; none without a technique, which computes no keys."""
    return {} if individual.key is None else {"key": key_text(individual.key) or repr(individual.key)}
