"""Guided search, after Co-Reyes et al. (2024): a model, trained during the search, tells what is worth an evaluation.

What the cache does for candidates that behave the same, this does for those that behave worse. `settings` is what can
be asked for, `guide` what a trial's loop calls, `models` who answers; `columns`, `trees` and `linear` are compiled.
"""
