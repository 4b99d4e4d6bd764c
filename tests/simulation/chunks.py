"""Which histories the tests live through, in pieces for one process each."""

from typing import Final

from mainspring.testing.simulation.campaign import chunks

COUNT: Final = 1500
CHUNKS: Final = chunks(COUNT)
