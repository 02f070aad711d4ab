"""How each number of the catalogue is worded: a sentence with the group, the number and its unit in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["share", "points", "score", "pairs", "times", "number", "count", "chance"]
"""``share``: percent; ``points``: of a hundred; ``score``: points where it lies between -1 and 1; ``pairs``: how many
of 100 pairs are ranked right, as a ROC AUC says; ``chance``: how many of 1,000."""


class Telling(NamedTuple):
    """How one metric is worded."""

    words: str
    """The sentence. ``{value}`` is the number with its interval; other places are those of :mod:`reports.sentences`."""
    kind: Kind = "number"
    sides: tuple[str, str] = ("", "")
    """What ``{side}`` says of a number below `pivot`, and of any other; the sign is then left out."""
    pivot: float = 0.0


TELLINGS: Mapping[str, Telling] = {
    # data
    "missing_share": Telling("{what}: {value} of the values are missing{split}", "share"),
    "missing_share_difference": Telling(
        "values of {what} are missing {value} {side} for {group} than for the largest group{split}",
        "points",
        ("less often", "more often"),
    ),
    "duplicate_share": Telling("{value} of the rows are copies of another row{split}", "share"),
    "conflicting_share": Telling("{value} of the rows are equal to a row with another label{split}", "share"),
    "top_value_share": Telling("{what}: {value} of the rows have the same value{split}", "share"),
    "distinct_share": Telling("{what}: {value} of its values are distinct, like an identifier{split}", "share"),
    "class_share": Telling("only {value} of the rows are {class}{split}", "share"),
    "missing_rows": Telling("{group}: {value} more test rows needed to see {gap}", "count"),
    "missing_positives": Telling(
        "{group}: {value} more test rows that are {positive} needed to see a gap of ten points in how many of "
        "them are found",
        "count",
    ),
    "missing_negatives": Telling(
        "{group}: {value} more test rows that are not {positive} needed to see a gap of ten points in false alarms",
        "count",
    ),
    "proxy_auc": Telling("{what} alone distinguishes {group} from others in {value}{split}", "pairs"),
    "unseen_share": Telling("{what}: {value} of test rows hold a value that does not occur in training", "share"),
    "out_of_range_share": Telling("{what}: {value} of test rows lie outside the range of training", "share"),
    "label_error_share": Telling("about {value} of training labels look wrong", "share"),
    "favorable_outcome_not_stated": Telling("which outcome is good for the person was not stated", "count"),
    # leakage
    "overlap_share": Telling("{value} of test rows are in the training table too", "share"),
    "leak_score": Telling("{what} alone predicts {target} with a score of {value}{n}, where 1 is without error"),
    "shared_cluster_share": Telling("{value} of test rows belong to a person or device that training saw too", "share"),
    "later_training_rows": Telling("{value} training rows are later than the first test row", "count"),
    "near_duplicate_share": Telling("{value} of test rows are almost equal to a training row", "share"),
    # drift
    "stability_index": Telling("{what} has other values in the test rows than in training (stability index {value})"),
    "class_share_difference": Telling(
        "{class} is {value} {side} in the test rows than in training", "points", ("rarer", "more frequent")
    ),
    "split_auc": Telling("a classifier distinguishes test rows from training rows in {value}", "pairs"),
    "score_stability_index": Telling("scores differ from those of the earlier audit (stability index {value})"),
    # performance
    "skill_over_constant": Telling(
        "the model scores {value} {side} a constant answer", "score", ("lower than", "higher than")
    ),
    "simple_model_gain": Telling("a plain linear model does better by {value} of {headline}", "score"),
    "headline_half_width": Telling("{headline}, the main figure, is known only to within ±{value}", "score"),
    "threshold_gain": Telling("another decision threshold would gain {value} of balanced accuracy", "points"),
    "underfitting_gap": Telling(
        "another model reaches {value} more on new rows than this one on its own training rows", "score"
    ),
    # calibration
    "calibration_error": Telling("predicted probabilities miss the true rates by {value} on average", "points"),
    "calibration_slope": Telling(
        "predicted probabilities are too {side} (calibration slope {value}, where 1 is right)",
        sides=("extreme", "moderate"),
        pivot=1.0,
    ),
    "mean_calibration_gap": Telling(
        "predicted probabilities for {group} are too {side} by {value} on average", "points", ("low", "high")
    ),
    # fairness
    "decision_flip_share": Telling("{value} of decisions change if only {what} changes", "share"),
    "standardized_mean_error": Telling(
        "predictions for {group} are too {side} by {value} standard deviations of {target} on average",
        sides=("low", "high"),
    ),
    "gap_p_value_adjusted": Telling(
        "groups of {what} differ more than chance explains: groups shuffled at random lie as far apart in {value}",
        "chance",
    ),
    # generalization
    "train_test_gap": Telling(
        "the model scores {value} {side} on its training rows than on test rows", "score", ("lower", "higher")
    ),
    "gap_beyond_overall": Telling(
        "{group}: the score falls by {value} more from training to test than it does over all rows", "score"
    ),
    "cross_validation_standard_error": Telling(
        "fitted on other rows, the model's score is known only to within ±{value} (standard error)", "score"
    ),
    "test_score_outside_folds": Telling(
        "the test score lies {value} outside the range that cross-validation predicts", "score"
    ),
    "gain_from_twice_the_rows": Telling("twice the training rows would gain {value} of {headline}", "score"),
    "membership_auc": Telling(
        "the answers give training rows away, distinguishing them from new ones in {value}", "pairs"
    ),
    # training
    "training_loss_ratio": Telling("training ends at {value} of the loss of a constant answer", "share"),
    "validation_loss_rise": Telling(
        "at the kept weights, the loss on held-out rows is {value} above its lowest", "share"
    ),
    "memorized_share": Telling(
        "the training score lies {value} above what simple models reach on unseen rows, and no rows were held out",
        "points",
    ),
    "late_improvement": Telling("{value} of all progress came in the last tenth of training", "share"),
    "first_to_last_gradient": Telling("the gradient of the first layer is only {value} of the last layer's", "share"),
    "early_to_late_step_gradient": Telling(
        "early steps of a sequence have only {value} of the gradient of late ones", "share"
    ),
    "epochs_not_finite": Telling("in {value} epochs of training the loss or gradient is not a finite number", "count"),
    "largest_gradient_norm": Telling("the longest gradient of training has length {value}", "count"),
    "clipped_share": Telling("{value} of training steps had their gradient cut", "share"),
    "dead_units": Telling("layer {layer}: {value} of its units are always or never active", "share"),
    "input_scale_ratio": Telling("the widest input has {value} the scale of the narrowest", "times"),
    "simple_model_lead": Telling(
        "a simple model scores {value} higher on unseen rows than the network on its training rows", "points"
    ),
    # slices and robustness
    "slice_error_ratio": Telling("{slice}{n}: errors are {value} those of all rows", "times"),
    "noise_flip_share": Telling("slight noise on the numbers changes {value} of decisions", "share"),
    "noise_move": Telling("slight noise on the numbers moves predictions by {value} standard deviations of {target}"),
    "features_that_raise_when_missing": Telling(
        "the model stops with an error where a value is missing{in_features}", "count"
    ),
    "features_that_raise_when_unseen": Telling(
        "the model stops with an error at values that do not occur in training{in_features}", "count"
    ),
    "missing_flip_share": Telling("{what}: a missing value changes {value} of decisions", "share"),
    "missing_flip_ratio": Telling(
        "{what}: a missing value changes {value} as many decisions as the value of another row", "times"
    ),
    "accuracy_kept_under_attack": Telling(
        "of the right decisions, {value} stay right under changes too small to notice ({variant})", "share"
    ),
    "accuracy_drop": Telling("mild {variant} costs {value} of accuracy", "points"),
    "nondeterministic_rows": Telling("{value} rows get a different answer the second time", "count"),
    "batch_dependent_rows": Telling("{value} answers depend on the rows beside them ({variant})", "count"),
    "invalid_outputs": Telling("{value} outputs are invalid", "count"),
    "non_monotone_share": Telling("{what}: {value} of scores move against the declared direction", "share"),
    # explanations
    "attribution_share": Telling("{what} accounts for {value} of what moves the output", "share"),
    "sensitive_attribution_share": Telling("{what} accounts for {value} of what moves the output", "share"),
    "sensitive_rank_excess": Telling(
        "{what} is among the three features that move the output most, by {value} of all that moves it", "points"
    ),
    "explainer_rank_correlation": Telling(
        "two explanation methods agree on the order of features only to {value}, where 1 is full agreement"
    ),
    "explanation_stability": Telling(
        "explained twice, the order of features agrees only to {value}, where 1 is full agreement"
    ),
    "completeness_residual": Telling("explanations leave {value} of the output unexplained", "share"),
    "deletion_advantage": Telling(
        "deleting the features ranked first lowers the output {side} deleting any others, by {value} of its spread",
        "share",
        ("less than", "more than"),
    ),
    "feature_use": Telling("{what} is not used: shuffling it changes score and decisions by {value}", "share"),
    # compression and mitigation
    "compression_loss": Telling("compressing the model costs {value} of its score", "score"),
    "excess_loss": Telling("{group}: compressing costs {value} more than it costs others", "score"),
    "churn": Telling("{value} of decisions change", "share"),
    "gap_after": Telling("after mitigation the groups of {what} still lie {value} apart", "points"),
    "levelling_down": Telling(
        "groups of {what}: what the better-off lost exceeds what the worse-off gained by {value}", "points"
    ),
    "gap_beyond_control": Telling(
        "groups of {what}: mitigation narrows the gap by {value} {side} than one moved threshold does",
        "points",
        ("less", "more"),
    ),
    # files, card, logs
    "runs_code": Telling("loading the model file runs code", "count"),
    "fingerprint_differs": Telling("{file} is not the file that was agreed on", "count"),
    "instruction_texts": Telling("{value} names or texts read like instructions to whoever reads the report", "count"),
    "blank_sections": Telling("{value} sections of the card are blank", "count"),
    "performance_alarm": Telling("{window}: {metric} is worse than in the reference{change}, {scope}", "count"),
    "drift_alarm": Telling("{window}: {of} has moved from the reference ({scope})", "count"),
    "version_alarm": Telling("{window}: {metric} is worse than that of {against}{change}, {scope}", "count"),
    "missing_label_share": Telling("{window}: {value} of rows have no label", "share"),
    "missing_label_share_difference": Telling(
        "{window}: rows of {group} have no label {value} {side} than all rows", "points", ("less often", "more often")
    ),
    # levels of a feature with very many
    "true_positive_rate_from_rest": Telling(
        "{group}{n}: of those who are {positive}, {value} {side} are found than in all other rows",
        "points",
        ("fewer", "more"),
    ),
    "false_positive_rate_from_rest": Telling(
        "{group}{n}: of those who are not {positive}, {value} {side} are called so than in all other rows",
        "points",
        ("fewer", "more"),
    ),
    "error_rate_from_rest": Telling(
        "{group}{n}: {value} {side} decisions are wrong than in all other rows", "points", ("fewer", "more")
    ),
    "selection_rate_from_rest": Telling(
        "{group}{n}: {value} {side} are called {positive} than in all other rows", "points", ("fewer", "more")
    ),
}
"""Metrics with a sentence of their own; rates of groups are shown by both rates, others by their name."""
