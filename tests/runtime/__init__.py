"""The runtime in virtual time: the real controller over an engine and a KV in memory."""
