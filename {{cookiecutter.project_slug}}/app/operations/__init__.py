"""What only operators need. Each module or package in here can be deleted alone."""
