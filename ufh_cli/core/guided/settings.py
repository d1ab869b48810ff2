"""What can be asked of guided search: the section ``[guided]`` of a configuration."""

from __future__ import annotations

import math
from typing import Literal, get_args

from ufh_cli.core.names import one_of

Model = Literal["trees", "linear", "gnn", "oracle"]
Features = Literal["auto", "structure", "outputs", "both"]
Rule = Literal["better", "not-worse", "quantile"]
Choice = Literal["first", "best"]


class Guidance:
    """How mutations are chosen before they are hashed or evaluated.

    Parameters
    ----------
    model : {"trees", "linear", "gnn", "oracle"}
        Boosted trees on ranks; linear Bradley-Terry; a graph neural network on pairs; or, where evaluations are
        look-ups, one that looks up the answer and is right with the probability `accuracy`: at 1 the most that a model
        could bring, at .5 a coin. With several objectives the one that dominates is the better.
    features : {"auto", "structure", "outputs", "both"}
        What the model sees. The structure is a candidate's graph, known before anything is computed: the model chooses
        among mutations that are not even hashed. The hashable outputs are known once a key is: the model judges those
        that no cache answers for, and where one will not do, its evaluation is skipped for another mutation of the
        parent. Both do both, each with a model of its own; auto is the structure where the setup tells graphs.
    tries : int
        K. By structure, how many mutations of a parent are drawn for each child, always so many; one of them is taken.
        By outputs, how many are drawn at most, one after the other.
    accept : {"better", "not-worse", "quantile"}
        Whether a mutation will do: it is predicted to be better than its parent; not to be worse by more than `margin`;
        or to be above the `quantile` of what was predicted last, whatever its parent.
    choose : {"first", "best"}
        The first mutation that will do, or the one predicted to be the best. Where none will do, the last.
    margin : float
        In the model's units: for trees ranks among the window's evaluations, from 0 to 1; for the others log-odds.
    quantile : float
        Of the latest 200 predictions.
    window : int
        How many of the latest evaluations the model learns from.
    refit : int
        After how many evaluations it learns anew.
    warmup : int
        How many evaluations come before it is asked at all.
    epsilon : float
        The probability that the first mutation is taken whatever the model says, so that it also learns of others.
    accuracy : float
        Of the oracle.
    cost : float
        Of a prediction, in the setup's unit.

    Raises
    ------
    ValueError
        With one clear line for a value out of range.
    """

    def __init__(
        self,
        *,
        model: Model = "trees",
        features: Features = "auto",
        tries: int = 16,
        accept: Rule = "better",
        choose: Choice = "first",
        margin: float = 0.1,
        quantile: float = 0.75,
        window: int = 500,
        refit: int = 100,
        warmup: int = 100,
        epsilon: float = 0.1,
        accuracy: float = 1.0,
        cost: float = 0.0,
    ) -> None:
        for name, word, known in (
            ("model", model, Model),
            ("features", features, Features),
            ("accept", accept, Rule),
            ("choose", choose, Choice),
        ):
            one_of(f"guided.{name}", word, get_args(known))
        for name, whole, least, most in (
            ("tries", tries, 1, 100_000),  # mutations that are made and held at once
            ("window", window, 10, 20_000),  # rows of features that are kept
            ("refit", refit, 1, 1 << 63),
            ("warmup", warmup, 10, 1 << 63),
        ):
            if not least <= whole <= most:
                limits = f"at least {least}" if whole < least else f"at most {most:,}"
                raise ValueError(f"guided.{name} must be {limits}, got {whole}")
        for name, share in (("quantile", quantile), ("epsilon", epsilon), ("accuracy", accuracy)):
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"guided.{name} must be between 0 and 1, got {share}")
        for name, amount in (("margin", margin), ("cost", cost)):
            if not 0.0 <= amount < math.inf:
                raise ValueError(f"guided.{name} must be a number of at least 0, got {amount}")
        if model == "oracle" and features in ("outputs", "both"):
            raise ValueError("guided.model = oracle needs no features; it chooses before a candidate is hashed")
        if model == "gnn" and features in ("outputs", "both"):
            raise ValueError("guided.model = gnn reads graphs alone: set guided.features to structure, or choose trees")
        if model == "oracle" and accept == "quantile":
            raise ValueError("guided.accept = quantile needs a model that scores; an oracle only says better or worse")
        self.model: Model = model
        self.features: Features = features
        self.tries = tries
        self.accept: Rule = accept
        self.choose: Choice = choose
        self.margin = margin
        self.quantile = quantile
        self.window = window
        self.refit = refit
        self.warmup = warmup
        self.epsilon = epsilon
        self.accuracy = accuracy
        self.cost = cost
