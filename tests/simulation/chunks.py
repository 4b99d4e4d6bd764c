"""Which histories the tests live through, in pieces for one process each."""

from typing import Final

from mainspring.testing.simulation.campaign import chunks

COUNT: Final = 400
"""As many as fit beside the other tests; `make sim N=10000` lives through more."""
CHUNKS: Final = chunks(COUNT)
