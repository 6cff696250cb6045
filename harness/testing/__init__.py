"""The conformance kit: what the harness promises its users of every plugin, as named checks."""
