"""
Short messages: text
====================

A bag of words tells offers from other messages. What do typing errors and capitals do to it, and which words does it
listen to? The messages are made up.
"""

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import modelassay as ma

rng = np.random.default_rng(2)
offers = ["win", "free", "prize", "call", "now", "cash", "claim", "urgent", "reply"]
talk = ["see", "you", "home", "lunch", "later", "call", "thanks", "tomorrow", "free"]


def message(offer: bool) -> str:
    """Draw words, a few of them from the other side."""
    mine, any_of_both = rng.choice(offers if offer else talk, 8), rng.choice(offers + talk, 8)
    return " ".join(np.where(rng.random(8) < 0.75, mine, any_of_both))


kind = rng.random(900) < 0.3
table = pd.DataFrame({"text": [message(one) for one in kind], "kind": np.where(kind, "offer", "talk")})
train, test = table[:500], table[500:]
model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(train["text"], train["kind"])

checks = ("classification", "calibration", "corruption_sensitivity", "text_explanations")
report = ma.run(
    model, test=test, train=train, target="kind", positive="offer", text=["text"], checks=checks
)  # fmt: skip
print(report)

# %%
report
