"""Behaviour checks of the assignment's functions.

`probes` calls a student's function and returns plain numbers; `catalogue` says which probe a check
uses, on which inputs and for how many points; `judge` compares the numbers with the expected ones.
`answers` is the instructor's: it holds what is right and what each mistake gives.
"""
