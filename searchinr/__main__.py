"""`python -m searchinr` is the same as the console script."""

from searchinr.cli import main

if __name__ == "__main__":
    main()
