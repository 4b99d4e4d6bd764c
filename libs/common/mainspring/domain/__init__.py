"""The rules, as pure functions over frozen values.

Nothing below here reads a clock, a socket, a random number or the environment.  Time, chance
and identity come in with the command; what must be done comes out as data.
"""
