"""A Django host for the tests: rows that are as odd as rows get."""
