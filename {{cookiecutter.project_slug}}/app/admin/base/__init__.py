"""What every admin view is made of: forms, lists, filters, permissions, the audit log."""
