"""Messages between families and services, and the mails that announce them."""
