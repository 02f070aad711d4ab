"""DATA009: a feature that stands in for a sensitive one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def with_proxy(shift: float) -> Frames:
    train, test = clean(4000)
    rng = np.random.default_rng(5)
    for frame in (train, test):
        frame["zone"] = shift * (frame["sex"] == "f") + rng.normal(size=len(frame))
    return train, test


@pytest.mark.parametrize(("shift", "said"), [(4.0, "fail"), (2.3, "fail"), (1.2, "pass"), (0.0, "pass")])
def test_numbers_that_tell_a_group(shift: float, said: str) -> None:
    assert outcome(dataset(with_proxy(shift)), "proxy_feature", "DATA009") == said  # AUC = Φ(shift / √2)


def test_words_that_tell_a_group() -> None:
    train, test = clean()
    for frame in (train, test):
        frame["title"] = np.where(frame["sex"] == "f", "Ms", "Mr")
    made = measured(dataset((train, test)), "proxy_feature")
    assert made["proxy_auc split=train feature=title sex=f"].value == 1
    assert not any("feature=sex" in key for key in made)


def test_a_telling_number_need_not_rise() -> None:
    train, test = clean(4000)
    for frame in (train, test):
        inside = frame["score"].abs() < 0.6745
        frame["sex"] = np.where(inside, "f", "m")
    assert outcome(dataset((train, test)), "proxy_feature", "DATA009") == "fail"


def test_a_serial_number_tells_nothing() -> None:
    train, test = clean()
    for frame in (train, test):
        frame["code"] = [f"k{place}" for place in range(len(frame))]
    one = measured(dataset((train, test)), "proxy_feature")["proxy_auc split=train feature=code sex=f"]
    assert one.value == pytest.approx(0.5, abs=0.02)


def test_small_groups_leave_no_trace() -> None:
    train, test = clean(600)
    train.loc[:4, "sex"] = "x"
    one = measured(dataset((train, test)), "proxy_feature")["proxy_auc split=train feature=age sex=x"]
    assert one.value is None
    assert one.n is None
    assert "suppressed" in one.reason


def test_without_sensitive_features() -> None:
    assert found(dataset(clean(100), sensitive=()), "proxy_feature").outcome == "not_applicable"
