"""Code that a configuration names runs only where the configuration is the user's own, or says that it is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from audit.config.configuration import Config, read_config
from audit.errors import ConfigError, quote, quote_all


def open_config(path: Path, *, trust: bool = False) -> Config:
    """Read ``audit.toml``, and refuse code that one from elsewhere names and that nobody said to trust.

    A configuration is the user's own where it stands in the current folder itself. Everything that runs what a
    configuration names opens it here.

    Parameters
    ----------
    path : Path
        Its file; of a link, where it leads.
    trust : bool
        The user's word, from the command line; ``[model] trust = true``, or ``trust = true`` in the table of a
        metric, is the same word in the file.

    Raises
    ------
    ConfigError
        Naming the keys, or what is wrong in the file.
    """
    config = read_config(path)
    if trust or path.resolve().parent == Path.cwd().resolve():
        return config
    if keys := list(_code(config)):
        raise ConfigError(
            f"{quote(str(path))} is outside the current folder and names code to run: {quote_all(keys)}. If "
            "you trust who wrote it, state trust = true beside it, in [model], or (modelassay run) add --trust; or "
            "run it in its own folder."
        )
    return config


def _code(config: Config) -> Iterator[str]:
    """Name the keys that run code without a word of trust beside them."""
    model = config.model
    if model is not None and model.trust:
        return
    if model is not None and (model.object or model.torch):
        yield f"[model] {'object' if model.object else 'torch'}"
    for name, stated in config.metrics.items():
        function, trusted = (stated, False) if isinstance(stated, str) else (stated.function, stated.trust)
        if ":" in function and not trusted:
            yield f"[metrics] {name}"
