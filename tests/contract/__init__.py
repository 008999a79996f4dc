"""The contract of the runtime's ports, kept by the real Docker Engine and the real Consul.

`test_swarm_port` and `test_kv_port` know nothing but the ports: whatever implements them passes
through the same tests. The other modules need a lab, for they break things.
"""
