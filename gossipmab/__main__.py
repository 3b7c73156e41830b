"""`python -m gossipmab`, the same as `gossipmab`."""

from gossipmab.cli import main

if __name__ == "__main__":
    main()
