"""What students get of this tree."""
