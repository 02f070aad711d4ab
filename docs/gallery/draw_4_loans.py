"""
Loans to two groups: a gap, and what closing it costs
=====================================================

Made-up applicants. Their income is measured with less certainty where they live alone, so that a model refuses
them more often than it should. The audit finds the gap; mitigation narrows it and says who gains and who loses.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

import modelassay as ma

rng = np.random.default_rng(0)
n = 6000
household = rng.choice(["single", "couple"], n, p=[0.4, 0.6])
means = rng.normal(0.3, 1.0, n)
alone = household == "single"
seen = means + rng.normal(0, np.where(alone, 0.9, 0.3)) - 0.6 * alone
table = pd.DataFrame({"income": seen, "debt": rng.normal(size=n), "household": household})
table["loan"] = np.where(means - 0.5 * table["debt"] + rng.normal(0, 0.7, n) > 0, "repaid", "defaulted")
train, validation, test = table[:2500], table[2500:4000], table[4000:]
features = ["income", "debt"]
model = LogisticRegression().fit(train[features], train["loan"])

roles = {"target": "loan", "positive": "repaid", "favorable": "repaid", "sensitive": ["household"]}
roles["features"] = features
checks = ("classification", "disparities", "group_performance", "error_rates_by_group")
report = ma.run(model, test=test, train=train, checks=checks, **roles)
print(report)

# %%
# How often each group is called a good risk.
report.plot.rates("household")

# %%
# Narrow the gap, on rows of its own, and judge the outcome on the test rows once.
rows = {"train": train, "validation": validation, "test": test}
done = ma.mitigate(model, method="thresholds", constraint="equal-opportunity", **rows, **roles)
for name in ("gap_before", "gap_after"):
    print(name, done.record.metric(name, feature="household"))

# %%
# The card of the mitigated model says who gained, who lost, and what it cost.
done.record
