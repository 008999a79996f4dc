"""Schedules: what people, hands, machines, faults and operators do to a simulated world, as data.

A schedule is played in virtual time against the real controllers and clients; monitors watch every
request, and at the end everything must be as wished. `machines.py` lets hypothesis think them up.
"""
