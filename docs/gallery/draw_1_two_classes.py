"""
Breast tumors, from model to card
=================================

A logistic regression on data that ships with scikit-learn, audited with the checks that answer within seconds.
"""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelassay as ma

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
large = (X_test["mean area"] > X["mean area"].median()).map({True: "large", False: "small"}).rename("size")
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
checks = ("classification", "confusion", "roc", "calibration", "group_performance", "score_histogram")
report = ma.run(model, X_test, y_test, sensitive=large.to_frame(), favorable="1", checks=checks)
print(report)

# %%
# The card's first screen stands here as a notebook shows it.
report

# %%
# Every chart is drawn on matplotlib's axes.
report.plot.roc()

# %%
report.plot.groups("size", "error_rate")

# %%
# Two models are compared row by row.
weaker = make_pipeline(StandardScaler(), LogisticRegression(C=0.0005)).fit(X_train, y_train)
other = ma.run(weaker, X_test, y_test, sensitive=large.to_frame(), favorable="1", checks=checks)
print(ma.compare(report, other))
