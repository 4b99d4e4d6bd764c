-- Make the schema that everything lives in; no effect when it is there.
create schema if not exists mainspring
