"""A small portal of invoices on FastAPI."""
