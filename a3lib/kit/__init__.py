"""What a course does with the notebook: run it, export it."""
