"""How plugins say that an input cannot be worked on: finally, for the same input fails again."""

from mainspring.plugin import PluginFailed


def refuse(message: str) -> PluginFailed:
    """Return a failure that trying again does not mend."""
    return PluginFailed(message, final=True)


def bad(place: str, what: str) -> PluginFailed:
    """Return the failure of what stands at a place of the input."""
    return refuse(f"{place}: {what}")


def too_large(message: str) -> PluginFailed:
    """Return the failure of a result that goes over a bound."""
    return PluginFailed(message, final=True, fault="too_large")
