"""Fit the latency model of `cost_model` to latencies measured on this machine.

    python -m setups.mnas.calibrate_latency

Random networks of lite and middle size run in tensorflow, one image at a time, on one thread. What counts is processor
time, which on one thread is the time that passes when the machine does nothing else. The networks take turns, several
times, and the lowest of a network's medians is taken, because what else the machine does only adds to it. The constants
are fitted to half of the networks, for the least mean squared relative error, none of them negative; the errors that
are printed are those of the other half.
"""

from __future__ import annotations

import argparse
from time import process_time

import numpy as np

from setups.mnas.cost_model import LATENCY_MS, latency_features, network_cost
from setups.mnas.layers import Layer, layers
from setups.mnas.measured_latency import inference, median_ms
from setups.mnas.space import Space, lite_space, paper_space, random_architecture
from ufh_cli.core.rng import Rng

SPACES = {
    "lite, 8x8": lite_space(),
    "lite, 32x32": lite_space(32, 3),
    "lite, 32x32, width 0.5": lite_space(32, 3, width=0.5),
    "paper's, 64x64, width 0.35": paper_space(64, 3, 10, width=0.35),
    "paper's, 96x96, width 0.5": paper_space(96, 3, 10, width=0.5),
}


def measure(networks: list[tuple[Space, tuple[Layer, ...]]], rounds: int, repeats: int) -> np.ndarray:
    """Medians in milliseconds, of shape (rounds, networks)."""
    calls = []
    for number, (space, network) in enumerate(networks, start=1):
        calls.append(inference(space, network))
        print(f"\rtraced {number} of {len(networks)} networks", end="", flush=True)
    print()
    medians = []
    for turn in range(1, rounds + 1):
        medians.append([median_ms(call, repeats, process_time) for call in calls])
        print(f"\rturn {turn} of {rounds}", end="", flush=True)
    print()
    return np.array(medians)


def fit(features: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Constants (features,), none negative, of the least squared relative error; `features` is (networks, features)."""
    from scipy.optimize import nnls

    return nnls(features / measured[:, None], np.ones(len(measured)))[0]


def _report(names: list[str], predicted: np.ndarray, measured: np.ndarray) -> None:
    from scipy.stats import spearmanr

    for name in (*SPACES, "all"):
        here = np.array([name in (own, "all") for own in names])
        error = np.abs(predicted[here] / measured[here] - 1)
        low, high = measured[here].min(), measured[here].max()
        print(
            f"  {name:28} {here.sum():4} networks of {low:.2f} to {high:.2f} ms: relative error "
            f"median {np.median(error):.3f}, mean {error.mean():.3f}, 90 % below {np.quantile(error, 0.9):.3f}; "
            f"rank correlation {spearmanr(predicted[here], measured[here]).statistic:.3f}"
        )


def main() -> None:
    """Measure, fit, and print the constants and their error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=40, help="of each space, at least 4 (default 40)")
    parser.add_argument("--rounds", type=int, default=5, help="turns that each network has (default 5)")
    parser.add_argument("--repeats", type=int, default=41, help="calls in a turn (default 41)")
    parser.add_argument("--seed", type=int, default=0, help="of the random networks (default 0)")
    arguments = parser.parse_args()
    if arguments.networks < 4 or arguments.rounds < 2 or arguments.repeats < 1 or arguments.seed < 0:
        parser.error("at least 4 networks, 2 rounds, 1 repeat and seed 0 are needed")
    rng = Rng.from_seed(arguments.seed)
    names = [name for _ in range(arguments.networks) for name in SPACES]
    networks = [(SPACES[name], layers(SPACES[name], random_architecture(SPACES[name], rng))) for name in names]
    rounds = measure(networks, arguments.rounds, arguments.repeats)
    measured = rounds.min(axis=0)
    features = np.array([latency_features(network_cost(space, network)) for space, network in networks])
    fitted = np.arange(len(names)) // len(SPACES) % 2 == 0
    constants = fit(features[fitted], measured[fitted])
    lowest, next_lowest = np.sort(rounds, axis=0)[:2]
    print(f"the two lowest turns of a network differ by {np.median(next_lowest / lowest - 1):.3f} (median)")
    held_out = [name for name, own in zip(names, fitted, strict=True) if not own]
    for title, values in (("fitted", constants), ("of cost_model", np.array(LATENCY_MS))):
        print(f"constants {title}: {', '.join(f'{value:.4g}' for value in values)}")
        _report(held_out, features[~fitted] @ values, measured[~fitted])


if __name__ == "__main__":
    main()
