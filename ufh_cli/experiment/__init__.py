"""An experiment from its configuration to its files: which trials run, and where.

Trials run here, side by side, or one after the other with all workers.
"""
