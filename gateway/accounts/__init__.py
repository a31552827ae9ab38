"""Accounts of an application that cannot be changed, and the sign-in identities that are linked to them (代理認証)."""
