"""The process studio: administrators change démarches in the browser, on drafts that touch no running case."""
