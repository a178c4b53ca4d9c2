"""python -m pointsman: the same as the command `pointsman`."""

import sys

from pointsman.cli import main

sys.exit(main())
