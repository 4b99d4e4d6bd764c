"""What every HTTP surface shares: problems, health, streams, paging."""
