"""The Docker Engine API as a pure function over the engine model, as far as Swarm needs it."""
