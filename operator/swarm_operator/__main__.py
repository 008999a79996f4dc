"""`python -m swarm_operator` is the command line."""

from swarm_operator.cli.main import main

if __name__ == "__main__":
    main()
