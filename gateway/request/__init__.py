"""What one request is. Everything later decides on these values alone."""
