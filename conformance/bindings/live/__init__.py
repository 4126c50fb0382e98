"""The reference on network interfaces of this machine: a live bench, its testers, and what plays over it."""
