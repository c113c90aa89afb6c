"""Grade submissions: find, read, ask, judge, and write down the results."""
