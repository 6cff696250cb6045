"""The leaderboard: a static site of published numbers beside reproduced ones.

It reads the store and the specs, and imports nothing that trains. `leaderboard.site` is the plan.
"""
