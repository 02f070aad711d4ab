"""The statistics of an audit: each number with what it would be on other rows of the same kind."""
