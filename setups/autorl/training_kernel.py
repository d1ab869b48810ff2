"""The compiled inner loop: act, step, store, sample, update, with everything random drawn outside and handed in.

It is `agent.train` for the environments of `control_kernel`, number for number. It goes on until training ends or one
of its supplies of random draws is used up, and then returns, so that its caller can draw more.
"""

from __future__ import annotations

import math

from setups.autorl import microcode as mc
from setups.autorl.compiled import cached, part
from setups.autorl.control_kernel import control_step
from setups.autorl.graph_kernel import draw_constants, run
from setups.autorl.network_kernel import greedy_action
from ufh_cli.core.compiled import put

# What is counted along: environment steps, gradient steps, episodes finished, whether one is running, its steps, the
# place of the next transition, transitions held, whether training diverged; then what is used of each supply.
(
    STEPS, UPDATES, EPISODES, RUNNING, EPISODE_STEPS, PLACE, HELD, DIVERGED,
    EXPLORED, STARTED, SAMPLED, WORDS,
) = range(12)  # fmt: skip
COUNTS = 12

# The rules: the environment, its time limit (0: none), then numbers of `agent.TrainingSettings`.
KIND, TIME_LIMIT, STEP_LIMIT, EPISODE_LIMIT, REPLAY_START, UPDATE_EVERY, TARGET_EVERY = range(7)


@cached
def learn(
    program, weights, optimizer, memory, inputs, random, layers, work, rules, numbers, counts, state, rows, draws,
    returns,
):  # fmt: skip
    """Train until the end, or until a supply of draws is used up; whether training has ended.

    Parameters
    ----------
    program, weights, optimizer, memory : arrays
        As `graph_kernel.run` has them.
    inputs : int64 (5,)
        Where in `memory` a batch goes: states, actions, rewards, discounts, next states.
    random : int64 (R, 2)
        `encode.Program.random`.
    layers, work : arrays
        As `network_kernel.greedy_action` has them; `work` starts with the observation, and is changed.
    rules : int64 (7,)
    numbers : float64 (2,)
        The discount, and 2.0 (see `control_kernel.control_step`).
    counts : int64 (COUNTS,)
        Changed; all 0 at first.
    state : float64 (7, 4)
        The environment's state, then room to integrate, of which the last number is the return so far.
    rows : float32 (capacity, 2 · state size + 3)
        The replay, laid out as `replay.Replay` has it.
    draws : tuple
        What to do at each step, int64, −1 being the greedy action; states (E, 4) that episodes start from and what is
        seen of them (E, state size); uniform numbers (B, batch), a row a batch; words that seed random constants.
    returns : float64 array
        Of the episodes finished.
    """
    exploration, starts, seen, uniform, words = draws
    size = seen.shape[1]
    observation, total = work[:size], state[6, 3]
    while True:
        if counts[DIVERGED] or counts[STEPS] >= rules[STEP_LIMIT]:
            return True
        if not counts[RUNNING]:
            if rules[EPISODE_LIMIT] and counts[EPISODES] >= rules[EPISODE_LIMIT]:
                return True
            if counts[STARTED] == starts.shape[0]:
                return False
            put(starts[counts[STARTED]], state[0])
            put(seen[counts[STARTED]], observation)
            counts[STARTED] += 1
            counts[RUNNING], counts[EPISODE_STEPS], total = 1, 0, 0.0
        used_up = counts[EXPLORED] == exploration.size or counts[SAMPLED] == uniform.shape[0]
        if used_up or (random.shape[0] and counts[WORDS] == words.size):
            state[6, 3] = total
            return False
        action = exploration[counts[EXPLORED]]
        counts[EXPLORED] += 1
        if action < 0:
            action = greedy_action(layers, weights[mc.Q], work)
        reward, terminated = _step(action, observation, state, rules, numbers, counts, rows)
        total += reward
        over = terminated or counts[EPISODE_STEPS] == rules[TIME_LIMIT]
        if counts[STEPS] >= rules[REPLAY_START] and counts[STEPS] % rules[UPDATE_EVERY] == 0:
            _load(rows, uniform[counts[SAMPLED]], counts[HELD], memory, inputs, size)
            counts[SAMPLED] += 1
            if not _update(program, weights, optimizer, memory, random, rules, counts, words):
                counts[DIVERGED] = 1
                continue
        if over:
            returns[counts[EPISODES]] = total
            counts[EPISODES] += 1
            counts[RUNNING] = 0


@part
def _step(action, observation, state, rules, numbers, counts, rows):
    """(reward, whether the episode terminated) of a step, which the replay then holds and `observation` is after."""
    size = observation.size
    row = rows[counts[PLACE]]
    put(observation, row[:size])
    reward, terminated = control_step(rules[KIND], state[0], action, observation, state[1:], numbers[1])
    put(observation, row[size : 2 * size])
    row[2 * size] = action
    row[2 * size + 1] = reward
    row[2 * size + 2] = 0.0 if terminated else numbers[0]
    _count_transition(counts, rows.shape[0])
    return reward, terminated


@part
def _count_transition(counts, capacity):
    counts[STEPS] += 1
    counts[EPISODE_STEPS] += 1
    counts[PLACE] = 0 if counts[PLACE] + 1 == capacity else counts[PLACE] + 1
    counts[HELD] = min(counts[HELD] + 1, capacity)


@part
def _load(rows, uniform, held, memory, inputs, size):
    """A batch from the replay: row number ⌊u · held⌋ for each u of `uniform`."""
    states, actions, rewards, discounts, next_states = inputs
    for b in range(uniform.size):
        row = int(uniform[b] * held)
        for k in range(size):
            memory[states + b * size + k] = rows[row, k]
            memory[next_states + b * size + k] = rows[row, size + k]
        memory[actions + b] = rows[row, 2 * size]
        memory[rewards + b] = rows[row, 2 * size + 1]
        memory[discounts + b] = rows[row, 2 * size + 2]


@part
def _update(program, weights, optimizer, memory, random, rules, counts, words):
    """A gradient step on the batch that is loaded; whether its loss is a finite number."""
    if random.shape[0]:
        draw_constants(words[counts[WORDS]], memory, random)
        counts[WORDS] += 1
    loss = run(program, weights, memory, optimizer, mc.STEP)
    counts[UPDATES] += 1
    if counts[UPDATES] % rules[TARGET_EVERY] == 0:
        put(weights[mc.Q], weights[mc.TARGET])
    return math.isfinite(loss)
