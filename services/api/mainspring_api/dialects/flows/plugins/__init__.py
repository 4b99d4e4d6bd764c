"""The plugins that tasks are made of, as clients see them."""
