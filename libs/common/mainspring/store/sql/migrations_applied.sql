-- The migrations that were applied, with the hash of their text, in order of name.
select name, hash
  from mainspring.migrations
 order by name
