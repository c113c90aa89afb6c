"""Where student code runs: processes that are locked in."""
