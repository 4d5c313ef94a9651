"""The processes beside the web: dramatiq, imported nowhere else, and the clock."""
