-- Remove what a rebuild that died has left.
drop schema if exists mainspring_rebuilt cascade
