"""How a plugin says that it cannot do what it was asked."""

from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["failed", "timeout", "connection", "refused", "too_large"]
"""How a plugin failed; those that HTTP knows too are what a retry policy may name."""


class PluginFailed(Exception):
    """A plugin could not do its work; the message is for whoever reads the run.

    `final`: trying again changes nothing.  `output` is kept as the failed step's output.
    """

    def __init__(
        self,
        message: str,
        *,
        final: bool = False,
        output: object = None,
        fault: Kind = "failed",
    ) -> None:
        super().__init__(message)
        self.final = final
        self.output = output
        self.fault: Kind = fault
