"""Appends to a log without a pause until its input ends, then prints when each append was done.

It is run on its own, with the code of the release that is being upgraded: today's would name
columns that are not there yet.
"""

import asyncio
import json
import sys
import time
from itertools import count

from mainspring.domain.envelope import EMPTY
from mainspring.store.postgres import PostgresStore
from mainspring.testing.samples import append, execution_row, execution_stream

GROUP = 7


async def main(dsn: str) -> None:
    store = await PostgresStore.open(dsn, application_name="appender")
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    done: list[float] = []
    for n in count(1):
        stream = execution_stream(n, GROUP)
        await store.log.append([append(stream, EMPTY, execution_row(stream))])
        done.append(time.time())  # noqa: TID251 - compared with the clock of who reads this
        if n == 1:
            print("begun", flush=True)  # noqa: T201
        if over.done():
            break
    await store.close()
    print(json.dumps(done))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
