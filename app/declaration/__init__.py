"""Classes for declaring resources: fields, filters, sorts, includes, roles. The rest of the program works from them."""
