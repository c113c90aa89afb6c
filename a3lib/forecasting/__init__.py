"""Section 5: forecasts, their scores, a quiz about one's own model, and how they are shown."""
