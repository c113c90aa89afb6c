"""The results folder of a run: what it holds, and the tables of its results."""
