"""AutoNumerics-Zero: programs of few operations that compute functions."""

from setups.autonumerics.setup import AutoNumerics

__all__ = ["AutoNumerics"]
