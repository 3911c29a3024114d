"""Speed and memory of the vault, measured on a stack of its own; `make bench` prints the table."""
