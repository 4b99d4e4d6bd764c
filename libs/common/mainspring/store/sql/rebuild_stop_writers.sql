-- Stop appends until the end of the transaction, readers not.  An append takes its tables in this
-- order, so it waits here and holds nothing.
lock table mainspring.streams, mainspring.events in share row exclusive mode
