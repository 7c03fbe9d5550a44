"""The demonstration: a synthetic world of ten organizations, and the story of one gauge in it."""
