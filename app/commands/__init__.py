"""The subcommands of `rapporteur`, a module for each sort of task."""
