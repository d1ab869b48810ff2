"""The search that discovers optimizers (Chen et al. 2023), with its own structural cache as a rival."""

from setups.optimizers.setup import Optimizers

__all__ = ["Optimizers"]
