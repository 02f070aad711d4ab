"""``audit.toml`` and Python arguments become one plan, a data set and a model."""
