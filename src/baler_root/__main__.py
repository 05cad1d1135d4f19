"""`python -m baler_root` is the command `baler-root`."""

from __future__ import annotations

from baler_root.cli import main

if __name__ == "__main__":
    main()
