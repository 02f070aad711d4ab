"""Estimators of what drives a model, as pure algorithms.

They know arrays and functions, neither data sets nor models: a `score` maps rows of numbers to one
number a row, an :class:`~audit.explain.encoding.Encoding` turns tables into such rows and back. The
gatherers decide whom to ask; the checks read what came of it.
"""
