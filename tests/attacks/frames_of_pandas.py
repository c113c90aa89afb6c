"""Let pandas, which looks for a query's names in the frames below, tell what is in them."""


def attack():
    from pandas.core.computation.scope import Scope

    return any("namespace" in Scope(level=depth).scope for depth in range(1, 20))
