"""How long a search will take and what it will cost, estimated before it starts."""
