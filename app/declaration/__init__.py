"""Classes for declaring resources: fields, filters, sorts, includes, roles. All other code is derived from the declarations."""
