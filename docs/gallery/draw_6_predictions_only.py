"""
Decisions without their model: a log
====================================

Often the model is out of reach and only its decisions are there. A table of predictions and outcomes is enough for
everything that does not ask the model again; a log in a file is counted by DuckDB without being loaded
(``modelassay run`` with ``[data] log``).
"""

import numpy as np
import pandas as pd

import modelassay as ma

rng = np.random.default_rng(1)
n = 8000
log = pd.DataFrame({"region": rng.choice(["north", "south", "coast"], n, p=[0.5, 0.35, 0.15])})
chance = np.clip(rng.beta(2, 4, n) + 0.1 * (log["region"] == "north"), 0, 1)
log["fraud"] = (rng.random(n) < chance).astype(int)
noise = rng.normal(0, np.where(log["region"] == "coast", 0.35, 0.1))
log["score"] = np.clip(chance + noise, 0, 1).round(3)
log["blocked"] = (log["score"] > 0.5).astype(int)

roles = {"target": "fraud", "prediction": "blocked", "score": "score", "positive": 1, "favorable": 0}
checks = ("classification", "calibration", "disparities", "error_rates_by_group", "roc_by_group")
report = ma.run(test=log, sensitive=["region"], checks=checks, **roles)
print(report)

# %%
# Honest customers who are blocked, by region.
report.plot.groups("region", "false_positive_rate")

# %%
report.plot.roc(by="region")

# %%
report
