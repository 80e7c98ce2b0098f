"""Sessions: what a source delivered and what the user did to the mix, recorded in a file."""
