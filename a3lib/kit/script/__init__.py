"""The notebook as a script."""
