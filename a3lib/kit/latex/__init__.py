"""The write-up as LaTeX: what goes in, its markup, and the engine that makes the PDF."""
