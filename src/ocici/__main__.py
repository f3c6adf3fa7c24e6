"""`python -m ocici`."""

import sys

from ocici.cli import main

if __name__ == "__main__":
    sys.exit(main())
