"""ufh: searches for machine-learning programs that do not evaluate the same behaviour twice."""

__version__ = "0.1.0"
