"""Figures: one file a kind; each reads series of trials and draws them with matplotlib."""
