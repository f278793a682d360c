"""`python -m picojoule` is `pj`."""

from picojoule.cli import main

if __name__ == "__main__":
    main()
