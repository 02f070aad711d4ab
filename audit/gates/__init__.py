"""How gates are read, matched, decided, waived and held against a baseline; ``audit.gate`` is the door."""
