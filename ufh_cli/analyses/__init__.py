"""What results mean: series of trials, comparisons, speed-up, calibration, collisions, equivalents and reports.

An analysis reads records and returns rows; figures draw them, and commands print them.
"""
