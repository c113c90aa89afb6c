"""What is right, computed apart from the library, and which inputs the grader uses: staff only."""
