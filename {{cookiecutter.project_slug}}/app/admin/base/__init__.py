"""Building blocks of admin views: forms, lists, filters, permissions and the audit log."""
