"""Two audits against each other: baseline, records, stored predictions."""
