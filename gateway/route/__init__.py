"""Step 2, whose application: an App by host and path. Start with `route`; `table` finds one."""
