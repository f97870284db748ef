"""`python -m linksim` is the command `linksim`."""

from linksim.cli import main

main()
