"""Grade submissions: find, read, ask, judge, and write down what was found."""
