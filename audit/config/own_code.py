"""Code that a configuration names runs only where the configuration is the user's own, or says that it is trusted."""

from __future__ import annotations

from pathlib import Path

from audit.config.configuration import Config
from audit.errors import ConfigError, shown


def require_trusted_code(config: Config, path: Path, *, trust: bool = False) -> None:
    """Refuse a model that is code, of a configuration from elsewhere that nobody said to trust.

    A configuration is the user's own where it stands in the current folder itself.

    Parameters
    ----------
    config : Config
    path : Path
        Its file; of a link, where it leads.
    trust : bool
        The user's word, from the command line; ``[model] trust = true`` is the same word in the file.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    model = config.model
    if trust or model is None or model.trust or path.resolve().parent == Path.cwd().resolve():
        return
    key = "object" if model.object else "torch" if model.torch else ""
    if key:
        raise ConfigError(
            f"{shown(str(path))} does not stand in the current folder, and [model] {key} runs code that it "
            "names. If you trust who wrote it, state [model] trust = true or add --trust; or run it in its own folder."
        )
