"""`python -m tests.vectors`: list golden files, or write those that are not there yet."""

from __future__ import annotations

import sys

from tests.vectors.files import main

sys.exit(main(sys.argv[1:]))
