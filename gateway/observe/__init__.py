"""What is told about requests to those who watch: lines, events, numbers; never about a person."""
