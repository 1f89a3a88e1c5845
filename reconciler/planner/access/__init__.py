"""Who may do what: Kubernetes' role-based access control, as functions of roles, bindings, a user and a request."""
