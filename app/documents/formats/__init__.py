"""One module per accepted format: each proves the structure, cleans it, or refuses it with a reason."""
