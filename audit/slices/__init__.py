"""Search for parts of a table where a model errs most, and put them into words."""
