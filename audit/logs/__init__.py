"""A prediction log is counted where it lies: files, a database or any frame become a small table of cells.

One normalizing step and one group-by, in expressions that DuckDB, pandas, Dask and Spark carry out alike:
:mod:`~audit.logs.sources` opens a log, :mod:`~audit.logs.counting` counts it, :mod:`~audit.logs.cells` holds
what was counted and turns it into :class:`~audit.evidence.Predictions` whose rows are cells.
"""
