"""A file, object or fitted estimator becomes a :class:`~audit.models.load.Model`; no code runs without trust."""
