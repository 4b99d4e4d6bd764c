"""The gateway: one HTTP face over the engine, one package a dialect."""
