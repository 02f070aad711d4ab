"""Policies: read, checked and merged; the catalogue of rules as data."""
