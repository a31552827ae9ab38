"""A stand-in for the provider and five applications as old as they look, for `sekisho demo` and the tests.

Nothing in here is part of the gateway: no other module imports it but the command line.
"""
