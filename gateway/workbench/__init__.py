"""The place where people write policies: a draft is checked, questioned and compared, by the engine of the gateway."""
