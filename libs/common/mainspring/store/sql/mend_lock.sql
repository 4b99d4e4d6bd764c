-- Stop appends until the end of the transaction: the lock that each of them takes first.
select pg_advisory_xact_lock(6077427380160)
