"""The service and the page: HTTP in front of the same Reader that the command and Python use."""
