"""Step 4, the verdict: a policy read from YAML, and its verdict on one request.

Start at `policy` (the words), `decide` (the order of a decision) and `conditions` (the tests).
`age` and `residence` are matters of law; `parse` reads; `examples` are the author's own tests.
"""
