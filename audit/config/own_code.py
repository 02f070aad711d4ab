"""Code that a configuration names runs only where the configuration is the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from audit.config.configuration import Config
from audit.errors import ConfigError, shown


def require_own(config: Config, path: Path, *, trust: bool = False) -> None:
    """Refuse what a configuration from elsewhere would run, or send, in its reader's name.

    A configuration is the user's own where it stands in the current folder itself, or where the user says so on the
    command line; what it says of itself (``trust = true``) came with it.

    Parameters
    ----------
    config : Config
    path : Path
        Its file; of a link, where it leads.
    trust : bool
        The user's word, from the command line.

    Raises
    ------
    ConfigError
        Naming the keys.
    """
    if trust or path.resolve().parent == Path.cwd().resolve():
        return
    keys = list(_keys(config))
    if keys:
        raise ConfigError(
            f"{shown(str(path))} does not stand in the current folder, and {', '.join(keys)} would run code or send a "
            "secret. If it is yours, run it in its own folder; if you trust who wrote it, add --trust."
        )


def _keys(config: Config) -> Iterator[str]:
    """Yield the keys by which a configuration runs code, or hands on a secret of the environment."""
    model = config.model
    if model is not None:
        named = {
            "object": model.object, "torch": model.torch, "trust": model.trust, "trusted_types": model.trusted_types,
            "token_env": model.token_env,
        }  # fmt: skip
        yield from (f"[model] {key}" for key, value in named.items() if value)
    for name, stated in config.metrics.items():
        if ":" in (stated if isinstance(stated, str) else stated.function):
            yield f"[metrics] {shown(name)}"
