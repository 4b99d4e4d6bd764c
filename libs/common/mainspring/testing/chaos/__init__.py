"""Chaos: the real processes under load, with faults of a seeded schedule, and what must hold after.

Refused: a simulation (that is the neighbour's), and faults that a mock would make.  What dies here
is a process, what is cut is a network, and what is full is a file system; where a machine does not
allow that, the stand-in says so.
"""
