"""A laboratory's bench: devices under test, a tester, cables, and whoever manages the devices."""
