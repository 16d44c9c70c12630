"""``persistence demo``: the product in a minute, on real records, through a kill -9."""
