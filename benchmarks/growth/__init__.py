"""How cost grows: with replicas, with the log, with a run's steps, with what sleeps.

Each measure takes the same figures at sizes that are apart by a factor, and is kept as a CSV file
and a plot: what matters is the shape of the line, which a slow machine does not change.
"""
