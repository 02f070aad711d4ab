"""The makers of :class:`~reports.record.Estimate`: metrics, shares, gaps, pairs, each with its interval."""
