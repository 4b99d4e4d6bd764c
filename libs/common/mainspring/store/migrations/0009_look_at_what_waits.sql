-- Approvals that are pending after their run has ended are found by `mainspring doctor`.

create index approvals_pending on mainspring.approvals (execution)
  where status = 'pending';
