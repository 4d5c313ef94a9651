"""Schema migrations, numbered; ``app.schema`` runs them."""
