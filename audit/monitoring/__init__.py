"""A log over time: count what is new, compare each window with the reference, keep its record.

:mod:`~audit.monitoring.tallies` counts files once and keeps what it counted, :mod:`~audit.monitoring.watching`
divides counts into windows and keeps their records.
"""
