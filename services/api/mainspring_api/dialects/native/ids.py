"""Ids of a workflow and of its versions: one follows from the other, so neither is looked up.

A run's `catalog_id` is its workflow's id; the id of the version that it runs is derived from that.
The first version's row has the workflow's own id.
"""

from mainspring.domain.identity import derived


def version_id(workflow: str, version: str) -> str:
    """Return the id of the row of one version of a workflow."""
    return workflow if version == "1" else derived(workflow, "version", version)


def step_id(workflow: str, version: str, ref: str) -> str:
    """Return the id of a step of one version of a workflow."""
    return derived(version_id(workflow, version), "step", ref)
