"""``python -m infra.golden``."""

import sys

from infra.golden import main

sys.exit(main())
