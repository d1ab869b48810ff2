"""Random search: every candidate is a fresh one."""

from __future__ import annotations

from typing import ClassVar

from ufh_cli.core.rng import Rng
from ufh_cli.core.search.base import Individual, SearchMethod


class RandomSearch(SearchMethod):
    """Draws every candidate at random; the yardstick of any search method."""

    has_parents: ClassVar[bool] = False

    def ask(self, rng: Rng) -> Individual | None:
        return None

    def tell(self, individual: Individual) -> None:
        pass
