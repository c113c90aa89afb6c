"""What the notebook's cells use besides the algorithms."""
