"""Step 4, may she: the first rule that fits is the rule. Start with `policy`; `decide` says what it says."""
