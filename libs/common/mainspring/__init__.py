"""Mainspring's library: a pure domain, ports, and the adapters that stand behind them.

Floors, from the ground up: `domain`, `ports`, `telemetry`, then `http`, `store` and `bus`
side by side, `runtime`, and `testing` on top.  A floor imports only from floors below it.
"""
