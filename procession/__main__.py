"""``python -m procession``: the command line."""

from procession.cli.main import main

main()
