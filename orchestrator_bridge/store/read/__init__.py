"""From SQL to values: one module a subject. Each function runs in the thread of the connection that it is given."""
