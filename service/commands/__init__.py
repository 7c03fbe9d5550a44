"""Commands of the command line, one module each; `service/cli.py` registers them."""
