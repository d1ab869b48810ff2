"""Setup D of the paper: NAS-Bench-101, neural architecture search by table look-up (§4.4)."""

from setups.nasbench.setup import NasBench

__all__ = ["NasBench"]
