"""The command line: ``modelassay``, and the same as ``python -m audit``.

Nothing imports this package. Each verb stands in a module of its own and imports what it needs when it
runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys

CODE_INTERNAL = 4
CODE_USAGE = 2
CODE_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 nothing blocks, 1 an error-severity gate failed, 2 could not run as asked, 3 only inconclusive under
    ``block``, 4 internal error, 5 no gate was evaluated, 130 interrupted.
    """
    # Spinning OpenMP threads make small fits many times slower on a busy machine; the user may say otherwise.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from audit.cli.app import app
    from audit.errors import AuditError

    try:
        given = sys.argv[1:] if arguments is None else arguments
        code = app(args=given or ["--help"], standalone_mode=False)
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return _told("interrupted", CODE_INTERRUPTED)
    except AuditError as error:
        return _told(str(error), CODE_USAGE)
    except SystemExit:  # nothing of ours ends the program so
        return _told("something that was loaded tried to end the program. Remove its exit.", CODE_USAGE)
    except Exception as error:
        return _other(error)


def _other(error: Exception) -> int:
    """Tell usage errors of the command line and broken files from mistakes of our own."""
    from audit.cli.app import usage_message

    message = usage_message(error)
    if message is not None:
        return _told(message, CODE_USAGE)
    if os.environ.get("MODELASSAY_DEBUG"):
        raise error
    return _told(
        f"internal error: {type(error).__name__}: {str(error)[:300]}. This is a defect of modelassay; "
        "set MODELASSAY_DEBUG=1 for its trace.",
        CODE_INTERNAL,
    )


def _told(message: str, code: int) -> int:
    from reports.printable import harmless

    line = "".join(character if character.isprintable() else " " for character in message)
    sys.stderr.write(harmless(f"modelassay: {line}") + "\n")
    return code
