"""`python -m inkdigits`: the command where its script is not on the path."""

from inkdigits.cli import main

main(prog_name="inkdigits")
