"""`python -m docuvault.stack run|stop|status|demo|test|check|bench|soak`, as the Makefile calls it.

`web` is the server alone, for a container.
"""

import os
import subprocess
import sys

from docuvault.stack.configuration import read_configuration
from docuvault.stack.process import StackError

COMMANDS = ("run", "stop", "status", "demo", "test", "check", "bench", "soak", "web")


def main(arguments: list[str]) -> int:
    """Imports only what the command needs: the tools of the tests are absent from a running vault."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "run":
        from docuvault.stack.run import run

        return run(os.environ)
    if command == "web":
        from docuvault.stack import web

        configuration = read_configuration(os.environ)
        words = web.command(configuration.bind, configuration.port)
        os.execv(words[0], words)
    if command in {"stop", "status"}:
        from docuvault.stack import status

        return status.stop(os.environ) if command == "stop" else status.status(os.environ)
    if command == "demo":
        from docuvault.stack.run import run_beside

        return run_beside(os.environ, "demo", *rest)
    if command in {"test", "check", "soak"}:
        from docuvault.stack import gates

        if command == "check":
            return gates.check()
        return gates.test(rest) if command == "test" else gates.soak(rest)
    if command == "bench":
        return subprocess.run([sys.executable, "-m", "bench", *rest], check=False).returncode
    print(f"usage: python -m docuvault.stack {'|'.join(COMMANDS)}", file=sys.stderr)
    return 2


def told(arguments: list[str]) -> int:
    """Problems of the machine are one line; anything else is our mistake and keeps its trace."""
    try:
        return main(arguments)
    except StackError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        if error.filename is None and error.errno != 28:
            raise
        print(f"{error.strerror}: {error.filename or 'the data folder'}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(told(sys.argv[1:]))
