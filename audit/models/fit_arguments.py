"""Which arguments of ``fit`` bring a value, such as sample weights, to every estimator that learns.

scikit-learn's estimators of estimators drop what they cannot hand on, some with a warning, some without: there it is
refused by name.
"""

from __future__ import annotations

from typing import Any

WEIGHTS = "sample_weight"


def fit_arguments(estimator: Any, name: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 -- any estimator
    """Return the arguments of ``fit`` that bring a value to whatever learns inside a (nested) estimator.

    Raises
    ------
    ValueError
        If something that learns inside takes none of that name, or is not reached.

    Examples
    --------
    >>> from sklearn.calibration import CalibratedClassifierCV
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> steps = make_pipeline(LogisticRegression())
    >>> list(fit_arguments(steps, "sample_weight", [1.0]))
    ['logisticregression__sample_weight']
    >>> list(fit_arguments(CalibratedClassifierCV(steps), "sample_weight", [1.0]))
    ['sample_weight', 'logisticregression__sample_weight']
    """
    from sklearn.utils.validation import has_fit_parameter

    if isinstance(steps := getattr(estimator, "steps", None), list) and steps:
        inner = fit_arguments(steps[-1][1], name, value)
        return {f"{steps[-1][0]}__{key}": part for key, part in inner.items()}
    if (held := _hands_on(estimator)) is not None:
        return fit_arguments(held, name, value)
    weighs_members = name == WEIGHTS and _require_weights_of_members(estimator)
    if not weighs_members and not has_fit_parameter(estimator, name):
        raise ValueError(f"{type(estimator).__name__} takes no {name.replace(WEIGHTS, 'sample weights')}")
    return {name: value, **(_for_inside(estimator, value) if name == WEIGHTS else {})}


def _hands_on(estimator: Any) -> Any:  # noqa: ANN401
    """Return the estimator that is given all arguments of ``fit`` as they are, ``None`` where there is none."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.feature_selection import RFE, RFECV
    from sklearn.linear_model import LinearRegression

    if isinstance(estimator, TransformedTargetRegressor):
        return LinearRegression() if estimator.regressor is None else estimator.regressor
    searches = any(kind.__name__ == "BaseSearchCV" for kind in type(estimator).__mro__)  # its home is private
    selects = isinstance(estimator, RFE) and not isinstance(estimator, RFECV)
    return estimator.estimator if searches or selects else None


def _require_weights_of_members(estimator: Any) -> bool:  # noqa: ANN401
    """Tell an ensemble that hands weights on though its ``fit`` does not name them; refuse members without any."""
    from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor

    if not isinstance(estimator, StackingClassifier | StackingRegressor | VotingClassifier | VotingRegressor):
        return False
    every = [member for _, member in estimator.estimators] + [getattr(estimator, "final_estimator", None)]
    for member in every:
        if hasattr(member, "fit"):
            _require_weights(member, estimator)
    return True


def _for_inside(estimator: Any, weight: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what an estimator that takes weights needs beside them, so that the one inside learns by them, too."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import BaggingClassifier, BaggingRegressor
    from sklearn.utils.validation import has_fit_parameter

    inside = getattr(estimator, "estimator", None)
    if not hasattr(inside, "fit") or not type(estimator).__module__.startswith("sklearn."):
        return {}
    if isinstance(estimator, BaggingClassifier | BaggingRegressor):
        if not estimator.bootstrap:  # else it draws rows by weight
            raise ValueError(f"{type(estimator).__name__} without bootstrap takes no sample weights")
        return {}
    inner = fit_arguments(inside, WEIGHTS, weight)
    calibrates = isinstance(estimator, CalibratedClassifierCV)  # it hands on what it does not know
    if (WEIGHTS in inner and not has_fit_parameter(inside, WEIGHTS)) or (WEIGHTS not in inner and not calibrates):
        raise _no_weights(inside, estimator)
    return inner


def _require_weights(member: object, whole: object) -> None:
    """Refuse a member that reads no weights under their plain name, such as a pipeline."""
    try:
        known = set(fit_arguments(member, WEIGHTS, None))
    except ValueError as error:
        raise ValueError(f"{error} inside {type(whole).__name__}") from error
    if known != {WEIGHTS}:
        raise _no_weights(member, whole)


def _no_weights(member: object, whole: object) -> ValueError:
    return ValueError(f"{type(member).__name__} inside {type(whole).__name__} takes no sample weights")
