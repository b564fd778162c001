"""What test_clients.py runs: programs that use generated clients, and the packages they need."""
