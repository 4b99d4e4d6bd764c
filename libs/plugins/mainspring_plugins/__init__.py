"""The plugins that Mainspring ships: a package a category of ids, and in it one module a plugin."""
