"""The results folder of a run: what it holds, and the tables that are made from it."""
