"""The loop's surroundings: configurations, records, processes, progress."""
