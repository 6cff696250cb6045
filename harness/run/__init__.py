"""One command from a request to numbers in the store: plan, fit, score, summarise."""
