"""Types that a ``.skops`` file may hold beyond skops' own list: they hold data, or compute from it alone.

A partial holds a function that is asked for by name itself. Trees and splines are validated after loading
(:mod:`audit.models.skops_state`). Distributions of scipy.stats are left out: to restore one runs a text that it holds.
"""

from __future__ import annotations

from collections.abc import Iterator

_NAMES = {
    "audit.mitigation.held": "HeldBooster",
    "audit.mitigation.sealed": "MitigatedClassifier MitigatedRegressor",
    "builtins": "object",
    "collections": "OrderedDict defaultdict",
    "functools": "partial",
    "numpy": "bool dtype mean median number object_",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "scipy.interpolate._bsplines": "BSpline",
    "sklearn._loss.link": "IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": "HalfTweedieLoss HalfTweedieLossIdentity",
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.compose._column_transformer": "_RemainderColsList make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_oneway f_regression r_regression",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation "
    "Hyperparameter Matern PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel",
    "sklearn.impute._iterative": "IterativeImputer _ImputerTriplet",
    "sklearn.metrics._classification": "balanced_accuracy_score",
    "sklearn.metrics._dist_metrics": "ChebyshevDistance64 EuclideanDistance64 HaversineDistance64 "
    "ManhattanDistance64 MinkowskiDistance64",
    "sklearn.metrics._scorer": "_CurveScorer _PassthroughScorer _Scorer",
    "sklearn.model_selection._search_successive_halving": "HalvingGridSearchCV HalvingRandomSearchCV",
    "sklearn.model_selection._split": "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut "
    "LeavePGroupsOut LeavePOut PredefinedSplit RepeatedKFold RepeatedStratifiedKFold ShuffleSplit "
    "StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit _CVIterableWrapper",
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neighbors._ball_tree": "BallTree",
    "sklearn.neighbors._kd_tree": "KDTree",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.tree._tree": "Tree",
    "sklearn.utils._bunch": "Bunch",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    "sklearn.utils.validation": "check_array",
    "trainers.estimators": "NetworkClassifier NetworkRegressor",
    "trainers.preparation": "TablePreparation",
}


def _spell() -> Iterator[str]:
    for module, names in _NAMES.items():
        yield from (f"{module}.{name}" for name in names.split())


ALLOWED_TYPES = frozenset(_spell())
"""Full names of the types that a model file may hold without further trust."""
