"""
Handwritten digits: images
==========================

Images of 8 × 8 pixels. Where does the model look, and what do noise, blur and other light do to it?
"""

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import modelassay as ma

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
model = LogisticRegression(max_iter=300).fit(X_train / 16, y_train)

checks = ("classification", "class_performance", "corruption_sensitivity", "image_explanations")
shape = {"shape": [1, 8, 8]}
images = {"corrupted": {"modality": "image", **shape}, "image_explanations": shape}
report = ma.run(model, X_test / 16, y_test, train=(X_train / 16, y_train), checks=checks, gather=images)
print(report)

# %%
# What mild, medium and strong corruptions cost, in share of right answers.
drops = report.to_frame().query("metric.str.startswith('accuracy_drop')")
drops.pivot(index="variant", columns="metric", values="value").round(3)

# %%
report
