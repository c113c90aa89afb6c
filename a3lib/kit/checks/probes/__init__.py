"""How a check asks: each probe calls a function and returns plain numbers."""
