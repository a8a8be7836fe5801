"""`python -m gradwright` is the command `gradwright`."""

from gradwright.cli.main import main

if __name__ == "__main__":
    main()
