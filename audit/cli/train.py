"""``modelassay train``: fit a reference network as a file says."""

from __future__ import annotations

import shlex
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
    from trainers.schema import read

    with progress.progress_bar() as bar:
        try:
            path = fit_from_config(config, out=out, search=search, progress=bar)
        except TrainerError as error:
            raise ConfigError(str(error)) from error
    for sign in tripped_signs(diagnose(history_of(path)))[:MOST]:
        output.note(f"{sign.code} {sign.title}: {sign.evidence}. {sign.remedy}")
    data = read(config).data
    train = config.parent / (data.train or data.images)
    target = data.targets[0] if data.targets else "label"
    words = shlex.join(["--model", str(path), "--train", str(train), "--target", target])
    output.note(f"Wrote {path}. Next, with rows that took no part: modelassay init {words} --test …")
    return 0
