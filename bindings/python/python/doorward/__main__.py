"""The command ``doorward``: the same as the program of that name."""

import signal
import sys

from doorward._core import main as run


def main() -> None:
    # It runs outside the interpreter, which would take note of Ctrl-C afterwards.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(run(["doorward", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
