"""The REST API, one module a resource: a route parses, calls one function, returns."""
