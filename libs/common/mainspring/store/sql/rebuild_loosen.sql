-- Let two triggers wait with one key, and two webhooks have one, while the views are being built;
-- the swap forbids it again.
drop index mainspring_rebuilt.triggers_one_waiting_key, mainspring_rebuilt.starters_one_key
