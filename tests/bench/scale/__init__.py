"""What the operator costs as swarms grow: times, CPU, memory, calls and bytes, and how they grow."""
