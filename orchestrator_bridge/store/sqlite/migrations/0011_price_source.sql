-- Where the cost of a call comes from: the provider's own bill, or the price list that it was computed with.
ALTER TABLE calls ADD COLUMN cost_source TEXT NOT NULL DEFAULT '';
