"""Make the script that is handed in from the notebook: `python export_to_py.py A3.ipynb`."""

import sys

from a3lib.kit.export import main

if __name__ == "__main__":
    sys.exit(main())
