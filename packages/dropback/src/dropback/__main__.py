"""``python -m dropback`` is the same as ``dropback``."""

from dropback.cli import main

if __name__ == "__main__":
    main()
