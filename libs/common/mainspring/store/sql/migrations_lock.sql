-- Let one process migrate at a time; held by the session until it is released or ends.
select pg_advisory_lock(6077427380161)
