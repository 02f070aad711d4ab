"""From model to service: compress, export and serve a model, each step proven on rows."""
