"""`python -m ocici`, and the command `ocici`."""

import signal
import sys


def main() -> int:
    """Run the command line; the exit code."""
    # Until cli tells signals as findings, Ctrl-C ends this as it ends any program, and not with a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    from ocici import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
