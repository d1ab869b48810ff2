"""Proximal policy optimisation: it learns, it draws only what is valid, it does not mind the order of tells."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.special import softmax

from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, ProximalPolicyOptimization
from ufh_cli.core.search.ppo_compiled import _gradient
from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import Budget, Streams, TrialResult, functional_keys, run_trial
from ufh_cli.core.workers import SimulatedWorkers


class Switches(Setup[tuple[int, ...]]):
    """Choices of 2 and 3 options; the fitness is the share of them that equal `goal`. Valid unless all are 0."""

    simulated_cost = True
    hash_cost = 0.01
    goal = (1, 2, 0, 1, 1, 2, 0, 1)

    def __init__(self, *, valid: bool = True, failing: float | None = None) -> None:
        self.valid, self.failing = valid, failing
        self.asked: list[Sequence[int]] = []

    def decisions(self) -> Sequence[int]:
        return (2, 3, 2, 2, 2, 3, 2, 2)

    def from_decisions(self, choices: Sequence[int]) -> tuple[int, ...] | None:
        self.asked.append(choices)
        return tuple(choices) if self.valid and any(choices) else None

    def random_candidate(self, rng: Rng) -> tuple[int, ...]:
        return tuple(rng.integer(n) for n in self.decisions())

    def mutate(self, candidate: tuple[int, ...], rng: Rng) -> tuple[int, ...]:
        return candidate

    def hashable_outputs(self, candidate: tuple[int, ...]) -> np.ndarray:
        return np.array(candidate, float)

    def evaluate(self, candidate: tuple[int, ...], rng: Rng) -> Evaluation:
        if self.failing is not None and candidate[0] == 0:
            return Evaluation(self.failing, 1.0 + candidate[1])
        return Evaluation(float(np.mean(np.equal(candidate, self.goal))), 1.0 + candidate[1])

    def reevaluate(self, candidate: tuple[int, ...], rng: Rng) -> float:
        return self.evaluate(candidate, rng).fitness

    def describe(self, candidate: tuple[int, ...]) -> str:
        return " ".join(map(str, candidate))


class Indescribable(Switches):
    def decisions(self) -> Sequence[int]:
        return ()


def search(
    setup: Switches,
    ppo: ProximalPolicyOptimization,
    technique: str = "none",
    *,
    workers: int = 1,
    candidates: int = 1500,
) -> TrialResult:
    streams = Streams.of(0, 0)
    return run_trial(
        setup,
        ppo,
        make_technique(technique, rng=streams.cache),
        key=functional_keys(setup, FunctionalHash()),
        key_cost=setup.hash_cost,
        streams=streams,
        budget=Budget(candidates=candidates),
        workers=SimulatedWorkers(setup, workers),
    )


def probability_of_goal(ppo: ProximalPolicyOptimization) -> float:
    """The smallest probability of a decision for the option that the goal has."""
    return min(float(policy[choice]) for policy, choice in zip(ppo.policies, Switches.goal, strict=True))


@pytest.mark.parametrize("technique", ["none", "fec", "tabulist"])
@pytest.mark.parametrize("workers", [1, 7])
def test_it_learns_the_goal(technique: str, workers: int) -> None:
    ppo = ProximalPolicyOptimization(entropy_bonus=0.1)
    result = search(Switches(), ppo, technique, workers=workers)
    assert result.best is not None
    assert result.best.fitness == 1.0
    assert probability_of_goal(ppo) > 0.8


@pytest.mark.parametrize("failing", [-math.inf, math.nan, -1e300])
def test_failed_evaluations_are_avoided_and_do_no_harm(failing: float) -> None:
    ppo = ProximalPolicyOptimization(entropy_bonus=0.1)
    search(Switches(failing=failing), ppo)
    assert ppo.policies[0][1] > 0.9
    assert all(np.isfinite(policy).all() for policy in ppo.policies)


def test_policies_are_distributions_and_begin_uniform() -> None:
    ppo = ProximalPolicyOptimization()
    setup = Switches()
    ppo.start(setup)
    for policy, options in zip(ppo.policies, setup.decisions(), strict=True):
        np.testing.assert_allclose(policy, 1.0 / options, rtol=1e-15)
    search(setup, ppo, candidates=300)
    for policy in ppo.policies:
        assert policy.sum() == pytest.approx(1.0, abs=1e-12)
        assert (policy >= 0).all()


def test_draws_follow_the_policies() -> None:
    ppo = ProximalPolicyOptimization(entropy_bonus=0.5)
    search(Switches(), ppo, candidates=400)
    rng = Rng.from_seed(1)
    drawn = np.array([ppo.ask(rng).candidate for _ in range(4000)])
    for place, policy in enumerate(ppo.policies):
        shares = np.bincount(drawn[:, place], minlength=policy.size) / len(drawn)
        np.testing.assert_allclose(shares, policy, atol=0.04)  # five standard deviations


def test_without_an_entropy_bonus_it_settles_and_a_large_one_keeps_it_open() -> None:
    settled, held = ProximalPolicyOptimization(entropy_bonus=0.0), ProximalPolicyOptimization(entropy_bonus=50.0)
    search(Switches(), settled)
    search(Switches(), held)
    assert probability_of_goal(settled) > 0.9
    assert max(policy.max() for policy in held.policies) < 0.8


def test_the_same_fitness_for_all_teaches_nothing() -> None:
    ppo = ProximalPolicyOptimization()
    ppo.start(Switches())
    before = ppo.policies
    rng = Rng.from_seed(0)
    for _ in range(50):
        individual = ppo.ask(rng)
        individual.fitness = 0.25
        ppo.tell(individual)
    for old, new in zip(before, ppo.policies, strict=True):
        np.testing.assert_allclose(new, old, atol=1e-12)


def test_tells_in_another_order_within_a_batch_make_the_same_update() -> None:
    """The gradient is a sum over the batch. Baseline and scale do depend on the order, so here they stand still."""
    setup, policies = Switches(), []
    for order in (1, -1):
        ppo = ProximalPolicyOptimization(batch_size=20, baseline_decay=math.nextafter(1.0, 0.0))
        search(setup, ppo, candidates=100)  # from there on the scale of the advantages stays
        rng = Rng.from_seed(3)
        individuals = [ppo.ask(rng) for _ in range(20)]
        before = np.concatenate(ppo.policies)
        for individual in individuals:
            individual.fitness = setup.evaluate(individual.candidate, rng).fitness
        for individual in individuals[::order]:
            ppo.tell(individual)
        policies.append(np.concatenate(ppo.policies))
    assert abs(policies[0] - before).max() > 1e-3
    np.testing.assert_allclose(policies[0], policies[1], rtol=1e-9)


def objective(logits: np.ndarray, ends: np.ndarray, batch: tuple, clip: float, entropy_bonus: float) -> float:
    """PPO's clipped objective, mean over the batch, plus the mean entropy of the policies times its weight."""
    choices, probabilities, advantages = batch
    policies = [softmax(part) for part in np.split(logits, ends[:-1])]
    now = np.array([[policy[choice] for policy, choice in zip(policies, row, strict=True)] for row in choices])
    ratios = (now / probabilities).prod(axis=1)
    clipped = np.minimum(ratios * advantages, np.clip(ratios, 1.0 - clip, 1.0 + clip) * advantages)
    return clipped.mean() + entropy_bonus * np.mean([-(policy * np.log(policy)).sum() for policy in policies])


@pytest.mark.parametrize("entropy_bonus", [0.0, 2.0])
def test_the_gradient_is_that_of_the_clipped_objective(entropy_bonus: float) -> None:
    generator, ends, clip = np.random.default_rng(0), np.array([2, 5, 7, 11]), 0.2
    old, logits = generator.normal(size=(2, 11)) * 0.3
    policies = [softmax(part) for part in np.split(old, ends[:-1])]
    choices = np.stack([generator.integers(0, policy.size, 40) for policy in policies], axis=1)
    probabilities = np.array(
        [[policy[choice] for policy, choice in zip(policies, row, strict=True)] for row in choices]
    )
    batch = choices, probabilities, generator.normal(size=40)
    now = np.concatenate([softmax(part) for part in np.split(logits, ends[:-1])])
    ratios = (now[choices + np.array([0, *ends[:-1]])] / probabilities).prod(axis=1)
    # Of each case, beyond the clip on either side and within it, with advantages of both signs, there are some.
    assert len(set(zip(np.digitize(ratios, [1.0 - clip, 1.0 + clip]), batch[2] > 0, strict=True))) == 6
    assert min(abs(ratios - 1.0 + clip).min(), abs(ratios - 1.0 - clip).min()) > 1e-4  # no kink within a step

    step = 1e-5 * np.eye(logits.size)
    rises = [
        objective(logits + one, ends, batch, clip, entropy_bonus)
        - objective(logits - one, ends, batch, clip, entropy_bonus)
        for one in step
    ]
    gradient = _gradient((logits, now, ends), batch, clip, entropy_bonus)
    np.testing.assert_allclose(gradient, np.array(rises) / 2e-5, rtol=1e-6, atol=1e-9)


def test_many_answers_may_be_out() -> None:
    ppo = ProximalPolicyOptimization(batch_size=4)
    ppo.start(Switches())
    rng = Rng.from_seed(0)
    out = [ppo.ask(rng) for _ in range(30)]
    for individual in reversed(out):
        individual.fitness = float(individual.candidate[0])
        ppo.tell(individual)
    assert ppo.policies[0][1] > 0.5


def test_the_same_seed_is_the_same_search() -> None:
    results = [search(Switches(), ProximalPolicyOptimization(), candidates=200) for _ in range(2)]
    assert results[0].curve == results[1].curve


def test_serially_a_cache_does_not_change_the_candidates() -> None:
    plain, cached = Switches(), Switches()
    search(plain, ProximalPolicyOptimization(), "none", candidates=400)
    search(cached, ProximalPolicyOptimization(), "fec", candidates=400)
    assert plain.asked == cached.asked


def test_invalid_draws_are_no_candidates() -> None:
    setup = Switches()
    setup.from_decisions = lambda choices: tuple(choices) if choices[0] else None  # type: ignore[method-assign]
    ppo = ProximalPolicyOptimization()
    ppo.start(setup)
    rng = Rng.from_seed(0)
    assert all(ppo.ask(rng).candidate[0] == 1 for _ in range(50))


def test_a_space_with_nothing_valid_is_given_up_in_one_line() -> None:
    ppo = ProximalPolicyOptimization(max_draws=25)
    setup = Switches(valid=False)
    ppo.start(setup)
    with pytest.raises(ValueError, match="none of 25 draws"):
        ppo.ask(Rng.from_seed(0))
    assert len(setup.asked) == 25


def test_a_setup_without_decisions_is_refused() -> None:
    with pytest.raises(ValueError, match="Indescribable does not"):
        ProximalPolicyOptimization().start(Indescribable())


def test_a_strange_individual_is_refused() -> None:
    ppo = ProximalPolicyOptimization()
    ppo.start(Switches())
    with pytest.raises(TypeError, match="asked for"):
        ppo.tell(Individual((1,) * 8))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("batch_size", 0),
        ("epochs", 0),
        ("max_draws", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("clip", 0.0),
        ("clip", 1.0),
        ("entropy_bonus", -0.1),
        ("baseline_decay", 1.0),
    ],
)
def test_parameters_are_checked(parameter: str, value: float) -> None:
    with pytest.raises(ValueError, match=parameter):
        ProximalPolicyOptimization(**{parameter: value})  # type: ignore[arg-type]
