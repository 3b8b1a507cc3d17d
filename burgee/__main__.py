"""``python -m burgee`` and the ``burgee`` command."""

import sys

from burgee.cli import main

if __name__ == "__main__":
    sys.exit(main())
