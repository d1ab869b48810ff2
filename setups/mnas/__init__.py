"""Setup A of the paper: MNAS, image classifiers that are accurate and quick."""

from setups.mnas.setup import Mnas

__all__ = ["Mnas"]
