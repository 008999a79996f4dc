"""A double of OVH's API for zones, as honest as what is known of the real one allows.

What is not known of it (how long a refresh takes, how far a clock may be off, whether the filters
take wildcards, what a 429 looks like) can be set, and no test takes it for granted.
"""
