"""Starts the launcher: `python3 -I src ARGS…`. The same file opens the zipapp: `python3 -I ocici.pyz ARGS…`."""

import os
import sys

sys.path[0] = os.path.abspath(sys.path[0])  # noqa: PTH100 (it must stay true where ocici changes folder)

from ocici.launcher import main  # noqa: E402

sys.exit(main())
