"""Step 4, may she: a policy read from YAML, and what it says of one request.

Start at `policy` (the words), `decide` (the order of a decision) and `conditions` (the tests).
`age` and `residence` are matters of law; `parse` reads; `examples` are the author's own tests.
"""
