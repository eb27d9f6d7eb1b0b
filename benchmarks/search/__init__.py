"""Ways of searching compared on recorded learning curves."""
