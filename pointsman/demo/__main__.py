"""python -m pointsman.demo: the demonstration in a terminal."""

import sys

from pointsman.demo.show import main

sys.exit(main())
