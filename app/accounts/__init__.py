"""People who sign in: accounts, passwords, second factor, sessions, roles and grants."""
