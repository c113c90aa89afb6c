"""The study of offline preference optimisation: data, methods, the grid and what it shows."""
