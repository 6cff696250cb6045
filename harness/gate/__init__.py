"""The regression gate: accepted baselines, and what is held against them."""
