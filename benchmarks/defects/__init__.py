"""Defects planted in real tables: does each end as a failure of its rule, and do clean tables stay clean?"""
