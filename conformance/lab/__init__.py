"""A laboratory's bench: devices under test, a tester, the cables between them, and whoever manages the devices."""
