"""What a decorated function has done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CacheStatistics:
    """Counts since the function was decorated, in this process.

    Attributes
    ----------
    asked, hits, evaluated : int
        Calls; of those, answered by the cache; and evaluations made (also those that only checked a hit).
    checked, wrong : int
        Hits that were evaluated anyway, and those of them whose value was another.
    unhashed : int
        Calls whose outputs could not be had or hashed: evaluated and not remembered.
    seconds : float
        Spent in evaluations.
    """

    asked: int = 0
    hits: int = 0
    evaluated: int = 0
    checked: int = 0
    wrong: int = 0
    unhashed: int = 0
    seconds: float = 0.0

    @property
    def seconds_saved(self) -> float:
        """What the hits would have taken at the mean of the evaluations, less what checks took."""
        return max(self.hits - self.checked, 0) * self.seconds / self.evaluated if self.evaluated else 0.0

    def __str__(self) -> str:
        share = f" ({self.hits / self.asked:.1%})" if self.asked else ""
        checked = f", {self.wrong} of {self.checked} checked hits wrong" if self.checked else ""
        return (
            f"{self.asked} asked, {self.hits} hits{share}, {self.evaluated} evaluated{checked}, "
            f"about {self.seconds_saved:.3g} s saved"
        )
