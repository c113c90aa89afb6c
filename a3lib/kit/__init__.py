"""What the assignment's notebook needs around it: the export to the script that is handed in."""
