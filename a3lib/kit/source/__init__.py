"""Read code as source: nothing in it is executed."""
