"""What a fitted network says of its own making: training, search and data, in words for a record."""

from __future__ import annotations

from collections.abc import Mapping

from trainers.parameters import Parameters


def describe_estimator(estimator: Parameters) -> dict[str, str]:
    """Describe a fitted estimator.

    Returns
    -------
    dict of str to str
        ``epochs``, ``stopped by``, ``rows held out``, ``seed``; ``search`` and ``chosen`` where it was chosen from
        trials; ``training file`` where one is known; ``started from`` where a backbone was taken over.
    """
    facts = {
        "epochs": f"{estimator.n_iter_}, the weights of epoch {estimator.best_epoch_} kept",
        "stopped by": str(estimator.stopped_),
        "rows held out": str(estimator.validation_rows_),
        "seed": str(estimator.seed_),
    }
    search = getattr(estimator, "search_", None)
    if isinstance(search, Mapping):
        facts["search"] = _search(search)
        facts["chosen"] = ", ".join(
            f"{name} = {value}" for name, value in _part(search, "chosen", "parameters").items()
        )
        facts["note on the search"] = str(search.get("note", ""))
    data = getattr(estimator, "data_", None)
    if isinstance(data, Mapping):
        facts["training file"] = f"{data.get('file')}, {data.get('rows')} rows, SHA-256 {data.get('sha256')}"
    source = getattr(estimator, "transfer_", None)
    if isinstance(source, Mapping):
        facts["started from"] = ", ".join(
            f"{name}: {value}" for name, value in source.items() if isinstance(value, str)
        )
    return facts


def _part(search: Mapping[str, object], *names: str) -> Mapping[str, object]:
    value: object = search
    for name in names:
        value = value.get(name, {}) if isinstance(value, Mapping) else {}
    return value if isinstance(value, Mapping) else {}


def _search(search: Mapping[str, object]) -> str:
    trials = search.get("trials")
    count = len(trials) if isinstance(trials, list) else 0
    states = [trial.get("state") for trial in trials if isinstance(trial, Mapping)] if isinstance(trials, list) else []
    complete = states.count("complete")
    score = _part(search, "chosen").get("score")
    shown = f", cross-validated score {score:.4g}" if isinstance(score, float) else ""
    return (
        f"chosen from {count} trials ({complete} complete; {search.get('method')}, {search.get('folds')} folds, seed "
        f"{search.get('seed')}{shown})"
    )
