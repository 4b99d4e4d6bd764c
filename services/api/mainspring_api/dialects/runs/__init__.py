"""The runs dialect: workflows as YAML with CEL, versioned, and their executions begun and ended."""
