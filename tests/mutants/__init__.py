"""Mutants: patches that each take one guard out of the code. The laws must notice every one."""
