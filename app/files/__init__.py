"""What worker processes make: workbooks, calendars and other files.

A worker process imports only the module of its job, so the modules of this package import nothing of the application but this
package and modules of `app.domain`. A job imports a large library within its function.
"""
