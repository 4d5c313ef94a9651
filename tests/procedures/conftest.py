"""The pages of démarches need the same browsers as those of demandes."""

from tests.cases.conftest import new_client as new_client
