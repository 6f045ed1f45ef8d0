"""From the command line to a verb, and from what happened to an exit status.

0 done; 1 the audit fired (`accord audit` alone), or missed a planted fault (`accord lab plant`); 2 asked wrongly, or a
file is wrong; 3 training stopped itself; 130 stopped by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
"""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from cyclopts import App, CycloptsError

import accord
from accord.cli import (
    asking,
    auditing,
    chatting,
    collecting,
    disclosing,
    feedback,
    importing,
    lab,
    making,
    pushing,
    quality,
    runs,
    serving,
    serving_rewards,
    watching,
)
from accord.cli.printing import complain, unfold
from accord.errors import AccordError
from accord.extras import extra_lacked
from accord.run.launch import launch_of
from accord.run.stopping import Terminated

__all__ = ["app", "main", "run"]

app = App(
    name="accord",
    version=lambda: f"accord {accord.__version__}",  # looked up where it is asked for
    help="Reinforcement learning from human feedback that knows who said what.",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # it is caught below, where it is said how to go on
)
app.command(making.demo)
app.command(making.init)
app.command(importing.import_, name="import")
app.command(feedback.export)
app.command(feedback.backup)
app.command(quality.quality)
app.command(collecting.collect)
app.command(asking.ask)
app.command(making.check)
app.command(making.run)
app.command(watching.watch)
app.command(watching.runs)
app.command(runs.evaluate)
app.command(auditing.audit)
app.command(runs.verify)
app.command(runs.report)
app.command(runs.compare)
app.command(disclosing.disclose)
app.command(pushing.push)
app.command(serving.serve)
app.command(serving_rewards.serve_reward)
app.command(chatting.chat)
app.command(chatting.standings)
app.command(lab.lab)


def main() -> None:
    """The `accord` command. What the terminal cannot show is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status. What accord raises on purpose becomes one line; the rest is a bug."""
    try:
        launch = launch_of()
    except AccordError as error:
        complain(str(error))
        return error.exit_status
    if not launch.is_first:
        return _beside_first(arguments)
    if launch.count > 1 and arguments[:1] != ["run"]:
        complain(f"{launch.count} processes are for `accord run`; start anything else without torchrun")
        return 2
    if nul := next((argument for argument in arguments if "\0" in argument), None):
        complain(f"{nul!r}: no name can hold a NUL")
        return 2
    try:
        status = app(unfold(arguments), exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        complain(f"{str(error).strip()}\nTry: accord {arguments[0] if arguments else ''} --help")
        return 2
    except AccordError as error:
        complain(str(error))
        return error.exit_status
    except ModuleNotFoundError as error:
        if (lacked := extra_lacked(error, f"accord {arguments[0]}")) is None:
            raise
        complain(str(lacked))
        return lacked.exit_status
    except Terminated as terminated:
        complain(f"{terminated}; the same command (`run`: with --resume) goes on from there")
        return terminated.exit_status
    except KeyboardInterrupt:
        complain("stopped; what was finished is kept, and the same command (`run`: with --resume) goes on from there")
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone. Nothing more may be written, not even by the interpreter at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status if isinstance(status, int) else 0


def _beside_first(arguments: Sequence[str]) -> int:
    """What a process does that torchrun started beside the first one, which reads the arguments and says all."""
    if arguments[:1] == ["run"] and not {"--help", "-h"} & set(arguments):
        making.help_first()
    return 0
