-- Old values by reference and old answers under a key are found by their age, and deleted.

create index blobs_by_age on mainspring.blobs (stored_at);

create index idempotency_by_age on mainspring.idempotency (at);
