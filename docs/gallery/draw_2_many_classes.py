"""
Three cultivars of wine: many classes
=====================================

A random forest names the cultivar of a wine. With more than two classes, each class has its own recall, and the
smallest ones say how good the model is.
"""

from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

import modelassay as ma

X, y = load_wine(return_X_y=True, as_frame=True)
y = y.map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
model = RandomForestClassifier(30, random_state=0).fit(X_train, y_train)

checks = ("classification", "class_performance", "confusion", "skill", "simple_model")
report = ma.run(model, X_test, y_test, train=(X_train, y_train), checks=checks)
print(report)

# %%
# Recall of each class, with its interval: 89 rows leave much open.
report.to_frame().query("metric == 'recall'")[["class", "value", "low", "high", "n"]]

# %%
report.plot.confusion()

# %%
report
