"""Pure decisions: from what is desired and what is observed to a plan. No I/O, no clock."""
