"""Where tasks should run: what is out of balance, which moves mend it, and how one move is made."""
