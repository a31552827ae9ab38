"""The audit trail: what people and operators did, in chained files that tell if somebody has changed them."""
