"""What the notebook's cells use that is no algorithm."""
