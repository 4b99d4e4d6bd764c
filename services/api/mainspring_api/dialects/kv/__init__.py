"""The key-value store over HTTP: any JSON value under a namespace and a key."""
