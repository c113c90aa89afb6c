"""Behaviour checks of the assignment's functions.

`probes` calls a student's function and returns plain numbers; `checks` says which probe a check
uses, on which inputs and for how many points; `judge` compares the numbers with the expected ones.
`oracle` and `hidden` are the instructor's: they hold what is right and what each mistake gives.
"""
