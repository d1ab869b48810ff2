"""Who evaluates: processes of this machine or a cluster, and what they run.

A process that dies takes one evaluation with it.
"""
