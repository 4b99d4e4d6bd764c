"""Names and instruments: metrics, spans, logs, each named once."""
