"""`python -m detector`."""

from detector.cli.app import main

main()
