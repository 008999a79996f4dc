"""A load of HTTP requests from inside a lab, with every request accounted for.

`running` starts it and ends it, `results` says what was answered; `generator` is the program that
asks, and `docker_names` how it finds what only Docker's own resolver knows.
"""
