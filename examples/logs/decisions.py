"""Write a year of decisions of an imagined lender, with outcomes that come late; then watch them.

python examples/logs/decisions.py
modelassay monitor examples/logs/audit.toml --window month
modelassay history examples/logs/monitor/*.json --out history.html
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def month(number: int, rows: int = 5000) -> pd.DataFrame:
    """Draw the decisions of a month; a new release in October no longer knows the applicants so well."""
    generator = np.random.default_rng(number)
    age = generator.integers(18, 80, rows)
    logit = generator.normal(0.3, 1.2, rows) + 0.01 * (age - 45)
    paid = generator.random(rows) < 1 / (1 + np.exp(-logit))
    score = 1 / (1 + np.exp(-logit - generator.normal(0, 0.3 if number < 10 else 1.5, rows)))
    return pd.DataFrame(
        {
            "number": np.arange(rows) + 100_000 * number,
            "decided": pd.Timestamp(2025, number, 1) + pd.to_timedelta(generator.integers(0, 27 * 24, rows), unit="h"),
            "granted": (score >= 0.5).astype(int),
            "score": score.round(4),
            "release": "1.9" if number < 10 else "1.10",
            "sex": generator.choice(["woman", "man"], rows),
            "age": age,
            "paid": paid.astype(int),
        }
    )


def main() -> None:
    (HERE / "log").mkdir(exist_ok=True)
    months = [month(number) for number in range(1, 13)]
    for number, frame in enumerate(months, start=1):
        frame.drop(columns="paid").to_csv(HERE / "log" / f"2025-{number:02d}.csv", index=False)
    known = [*months[:11], months[11][:3000]]
    pd.concat(known)[["number", "paid"]].to_csv(HERE / "outcomes.csv", index=False)


if __name__ == "__main__":
    main()
