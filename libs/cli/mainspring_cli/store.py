"""The verbs that work on the store itself, loaded only when one is used.

A start-up that is to be done in seconds does not load a database driver for `--help`.
"""


async def migrate_database(dsn: str) -> list[str]:
    """Bring the schema up to date and return the names of the migrations that ran."""
    from mainspring.store.migrate import migrate  # noqa: PLC0415

    return await migrate(dsn)
