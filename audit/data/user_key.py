"""The secret of whoever audits: kept rows are put in order with it, and what is kept for a later run is sealed with it.

A record orders kept answers by a keyed hash of each row. Whoever has a record and the table, but not the key,
cannot tell which answer belongs to which row. The key is 32 random bytes, made at the first audit and kept in
``modelassay/pairing.key`` in the user's configuration folder; ``MODELASSAY_PAIRING_KEY`` sets another one, as
build servers need that compare each other's records, or go on from what another one kept.

What a run keeps for the next one (evidence, counts of a log, records of windows, answers of an endpoint) carries a
seal: a keyed hash of its content and of what it is kept as. What was changed, moved or planted counts as not there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from audit.errors import ConfigError, quote

VARIABLE = "MODELASSAY_PAIRING_KEY"
LEAST = 16
"""Characters of a key: fewer could be guessed."""
SEAL = 32
"""Bytes of a seal."""


def key_file() -> Path:
    """Return where the key of this user is kept."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base else Path.home() / ".config") / "modelassay" / "pairing.key"


def pairing_key() -> bytes:
    """Return the key of whoever audits, 32 bytes; it is made where there is none yet.

    Raises
    ------
    ConfigError
        If the key is too short, or its file cannot be made or read.
    """
    given = os.environ.get(VARIABLE, "")
    if given:
        return _derive(given, VARIABLE)
    path = key_file()
    try:
        return _derive(_read(path) or _make(path), str(path))
    except OSError as error:
        raise ConfigError(
            f"the key of kept answers {quote(path)} cannot be made or read: {error.strerror or error}. Set "
            f"{VARIABLE} to a secret of {LEAST} characters or more, or keep no answers with [gather.pairing] rows = 0."
        ) from error


def key_name(key: bytes) -> str:
    """Return eight letters that tell one key from another and say nothing about either.

    Examples
    --------
    >>> key_name(b"one") == key_name(b"one") != key_name(b"other")
    True
    """
    return hashlib.blake2b(b"name of the key", digest_size=4, key=hashlib.sha256(key).digest()).hexdigest()


def seal(purpose: str, content: bytes) -> bytes:
    """Return a keyed hash of what is kept, and of what it is kept as; nothing where no key can be made.

    Examples
    --------
    >>> len(seal("a", b"1")) == SEAL, seal("a", b"1") == seal("b", b"1")
    (True, False)
    """
    try:
        key = pairing_key()
    except ConfigError:
        return b""
    name = hashlib.blake2b(purpose.encode("utf-8", "replace"), digest_size=SEAL).digest()
    return hashlib.blake2b(name + content, digest_size=SEAL, key=key, person=b"kept for later").digest()


def missing_key() -> str:
    """Say why nothing can be sealed; ``""`` where it can."""
    try:
        pairing_key()
    except ConfigError as error:
        return str(error)
    return ""


def has_key() -> bool:
    """Tell whether there is a key, or one can be made."""
    return not missing_key()


def is_seal(given: bytes, purpose: str, content: bytes) -> bool:
    """Tell whether a seal is that of what is kept."""
    return bool(given) and hmac.compare_digest(given, seal(purpose, content))


def with_seal(purpose: str, content: bytes) -> bytes:
    """Return what is kept, behind its seal.

    Examples
    --------
    >>> without_seal("a", with_seal("a", b"1")), without_seal("b", with_seal("a", b"1"))
    (b'1', None)
    """
    return seal(purpose, content) + content


def without_seal(purpose: str, kept: bytes) -> bytes | None:
    """Return what is kept behind a seal; ``None`` where the seal is another one."""
    return kept[SEAL:] if is_seal(kept[:SEAL], purpose, kept[SEAL:]) else None


def _derive(text: str, where: str) -> bytes:
    if len(text.strip()) < LEAST:
        raise ConfigError(
            f"the key of kept answers in {quote(where)} has {len(text.strip())} characters; expected {LEAST} or more. "
            "Set a longer secret; records that were made with another key cannot be paired."
        )
    return hashlib.sha256(text.strip().encode("utf-8", "replace")).digest()


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4096).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _make(path: Path) -> str:
    """Write a new key that nobody else can read; of two audits at once, one makes it and both use it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
    return _read(path)
