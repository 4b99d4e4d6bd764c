"""What is asked when all has come to rest: by the owner of the runs, and by a stranger.

Lists must have what the log has, in whatever pages; whoever asks in the name of another project
must find nothing, change nothing, and learn from no answer that there is something.
"""

from collections.abc import Iterator, Sequence
from typing import Final, cast
from urllib.parse import urlencode

from mainspring.domain.message import Json
from mainspring.domain.rows import ExecutionRow
from mainspring.testing.simulation.client import Client
from mainspring.testing.simulation.faults import Chance

STRANGER: Final = {"x-project-id": "strangers"}
MOST: Final = 2
"""Runs that a stranger asks for."""


async def asked_at_rest(
    client: Client, chance: Chance, rows: Sequence[ExecutionRow]
) -> Sequence[str]:
    """Ask; return what is not as it should be."""
    if not rows:
        return []
    return [*await _listed(client, chance, rows), *await _strange(client, chance, rows)]


async def _listed(client: Client, chance: Chance, rows: Sequence[ExecutionRow]) -> Sequence[str]:
    """Read the list of all runs in pages; each must be there, once."""
    limit, cursor = chance.whole(4, 60), ""
    found: list[str] = []
    for _ in range(len(rows) + 2):
        query = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        answer = await client.ask("GET", f"/api/v1/executions?{urlencode(query)}")
        if answer is None or answer.status != 200:
            return [f"the list of runs cannot be read: {answer}"]
        body = cast("dict[str, Json]", answer.body)
        found += [str(one["id"]) for one in body["executions"]]
        cursor = answer.headers.get("x-next-cursor", "")
        if not cursor:
            break
    return list(_differ(found, [row.id for row in rows]))


def _differ(found: Sequence[str], wanted: Sequence[str]) -> Iterator[str]:
    if len(found) != len(set(found)):
        yield f"the list of runs has some twice: {sorted(found)}"
    if set(found) != set(wanted):
        missing, made_up = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
        yield f"the list of runs lacks {missing}, and has {made_up}"


async def _strange(client: Client, chance: Chance, rows: Sequence[ExecutionRow]) -> Sequence[str]:
    """Ask in the name of another project."""
    wrong: list[str] = []
    for row in chance.some(list(rows), MOST):
        run = f"/v1/workflow-runs/{row.id}"
        verb, path = chance.pick(
            [
                ("GET", run),
                ("GET", f"/api/v1/executions/{row.id}"),
                ("GET", f"/sagas/{row.id}"),
                ("GET", f"{run}/steps"),
                ("DELETE", run),
                ("POST", f"{run}/pause"),
                ("POST", f"/sagas/{row.id}/retry"),
                ("POST", f"/api/v1/executions/{row.id}/cancel"),
            ]
        )
        answer = await client.ask(verb, path, headers=STRANGER)
        if answer is None or answer.status != 404:
            wrong.append(f"a stranger's {verb} {path} is answered with {answer}")
    answer = await client.ask("GET", "/v1/workflow-runs?limit=5", headers=STRANGER)
    if answer is None or answer.body != []:
        wrong.append(f"a stranger's list is {answer}")
    return wrong
