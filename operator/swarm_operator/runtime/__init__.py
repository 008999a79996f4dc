"""The imperative shell: reads the world, asks the core, carries out what it allows, writes it down."""
