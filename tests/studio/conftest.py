"""The pages of the studio need the same browsers as those of demandes."""

from tests.cases.conftest import new_client as new_client
