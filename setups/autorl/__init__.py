"""Setup C of the paper: AutoRL, losses that train reinforcement-learning agents."""

from setups.autorl.setup import AutoRL

__all__ = ["AutoRL"]
