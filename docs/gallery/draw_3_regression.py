"""
Progression of diabetes: a number instead of a class
====================================================

A ridge regression predicts how a disease develops within a year. How far off is it, how much does it explain, and is it
as close for women as for men?
"""

from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

import modelassay as ma

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
model = Ridge().fit(X_train, y_train)

checks = ("regression", "group_performance", "residual_disparities", "skill", "simple_model")
words = {"sex": {"1": "women", "2": "men"}}
report = ma.run(
    model, X_test, y_test, train=(X_train, y_train), sensitive=["sex"], names=words, checks=checks
)  # fmt: skip
print(report)

# %%
# One number, for one group, with its interval.
print(report.metric("mean_absolute_error", sex="1"))

# %%
report.plot.groups("sex", "mean_absolute_error")

# %%
report
