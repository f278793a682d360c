"""The command `pj`: one file per verb, each a thin call to the same-named function.

stdout is the result, stderr is progress and warnings. Exit codes: 0 ok, 1 a requirement failed,
2 usage or input error, 3 inconclusive, 4 a sensor or an extra is missing, 70 a bug in picojoule,
130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from picojoule import __version__
from picojoule.cli.terminal import say
from picojoule.errors import PicojouleError

__all__ = ["main", "run"]

BUG, INTERRUPTED = 70, 130  # 70 is EX_SOFTWARE of sysexits.h

_VERBS = {
    "profile": "Predict where the joules of a model go on a chip.",
    "optimize": "Search for fewer joules at a bounded accuracy drop, and prove it.",
    "explore": "Vary a chip's parameters for the least energy, latency and area.",
    "compare": "Compare two profiles, layer by layer.",
    "audit": "Look at which layers of a spiking model multiply.",
    "measure": "Measure the joules of one forward call of a model, on this machine.",
    "run": "Run a command and say what it cost.",
    "doctor": "List the energy sensors, what is missing, and how to enable it.",
    "chips": "List the chips, or one chip's constants with their sources.",
    "simulate": "Serve a trace on a row of servers under a power policy.",
    "plan": "How many servers fit under a power budget, and how many need no policy.",
    "predict": "Predict the joules of rows of a public table.",
    "validate": "Compare predictions with a public set of measurements.",
    "footprint": "Carbon, water and resources of a report or an energy, with sources.",
    "factors": "List the factors of carbon, water and resources, with years and sources.",
    "papers": "List the reproduced papers and their verdicts.",
    "reproduce": "Run a paper and put its numbers beside the published ones.",
    "schema": "Print the JSON Schema of a document.",
}


# They log what a CPU build lacks, and deprecations inside each other, when a spec imports them.
_CHATTY = ("torchao", "torch.utils._pytree", "transformers")


# A file called run.py would take the place of `run` below, as a module of this package.
_FILES = {"run": "command"}


def main() -> None:
    """Entry point of `pj`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run `pj` with these arguments and return its exit code. Never raises, never exits."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: say(f"warning: {message}")
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.ERROR)
        code = 0
        try:
            code = _call(arguments)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough, as in `pj ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _call(arguments: Sequence[str]) -> int:
    try:
        return _app(arguments[:1])(list(arguments)) or 0
    except CycloptsError as error:
        say(f"{error}\ntry: pj {_verb(arguments)}--help")
        return 2
    except PicojouleError as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except SystemExit:  # its code would be taken for ours: exit() in a spec must not mean success
        say("the spec ended the program: remove its exit()")
        return 2
    except BrokenPipeError:
        raise
    except Exception as error:
        say(_bug(error))
        return BUG


def _app(asked: Sequence[str]) -> App:
    """The verbs. The one that is asked for takes its help from its own docstring."""
    # Verbs are import strings, so that `pj --help` imports none of them, nor numpy or torch.
    app = App(
        name="pj",
        help="Measure, predict and reduce the energy of neural networks.",
        version=__version__,
        default_parameter=Parameter(negative=""),
        help_formatter="default" if sys.stdout.isatty() else "plain",
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
        print_error=False,
        exit_on_error=False,
        result_action="return_value",
    )
    for order, (verb, line) in enumerate(_VERBS.items()):
        path = f"picojoule.cli.{_FILES.get(verb, verb)}:{verb}"
        app.command(path, name=verb, help=None if verb in asked else line, sort_key=order)
    return app


def _verb(arguments: Sequence[str]) -> str:
    return f"{arguments[0]} " if arguments and arguments[0] in _VERBS else ""


def _bug(error: Exception) -> str:
    line = f"this is a bug in picojoule, please report it: {type(error).__name__}: {error}"
    text = traceback.format_exc()
    if os.environ.get("PJ_DEBUG") == "1":
        return f"{line}\n{text}"
    with tempfile.NamedTemporaryFile("w", prefix="pj-", suffix=".txt", delete=False) as file:
        file.write(text)
    return f"{line}\n  traceback: {file.name} (PJ_DEBUG=1 prints it)"
