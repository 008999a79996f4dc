"""Laws of the pure core: what holds for every world that hypothesis can think of."""
