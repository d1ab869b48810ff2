"""Results as a page that can be handed on: one file that needs nothing else."""
