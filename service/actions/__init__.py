"""What people do here: one function, one transaction, one line in the audit log."""
