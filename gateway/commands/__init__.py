"""The command line's groups, one file a group. Commands stay thin: the steps make what they show."""
