"""The operators' side: pages on the management listener for people who look after the gateway or write its policies."""
