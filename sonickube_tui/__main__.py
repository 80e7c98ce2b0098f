"""`python -m sonickube_tui` is `sonickube`."""

from sonickube_tui.cli import main

main()
