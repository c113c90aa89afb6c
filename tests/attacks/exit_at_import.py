"""End the process with success while the file is loaded."""

import sys


class Quiet:
    sys.exit(0)


value = sys.exit(0)
raise SystemExit(0)
