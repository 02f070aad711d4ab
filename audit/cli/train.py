"""``modelassay train``: fit a reference network as a file says."""

from __future__ import annotations

from pathlib import Path

from audit.cli import output, progress
from audit.errors import ConfigError
from audit.optional import require

MOST = 3
"""Signs of trouble that are shown after training, the likeliest cause first."""


def train(config: Path, *, out: Path | None, search: bool) -> int:
    """Fit, write the model file, and say what comes next."""
    require("torch", extra="torch", purpose="reference networks")
    from audit.statistics.training import diagnose, tripped_signs
    from trainers.config import fit_from_config
    from trainers.errors import TrainerError
    from trainers.files import history_of

    with progress.progress_bar() as bar:
        try:
            path = fit_from_config(config, out=out, search=search, progress=bar)
        except TrainerError as error:
            raise ConfigError(str(error)) from error
    for sign in tripped_signs(diagnose(history_of(path)))[:MOST]:
        output.note(f"{sign.code} {sign.title}: {sign.evidence}. {sign.remedy}")
    output.note(f"Wrote {path}. Next: modelassay init --model {path} --train … --test … --target …")
    return 0
