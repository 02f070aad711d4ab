"""Where an audit is called from other tools: pytest, MLflow, and tests of one's own."""
