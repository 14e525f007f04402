"""The locked half of a session: sandbox, the init inside it, its limits, and how to tell whether it can be had."""
