"""Long reads that become wake-ups: the KV and Docker's events, each with a thread of its own."""
