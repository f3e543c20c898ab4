"""The parts that SQL databases share: statements that write records, and the values that rows become.

Each store has its own queries, because those are written for its planner. The statements are plain SQL with `?` for a value.
"""
