"""Views: answers that cross the kinds of records, such as all that happened between two actors, in order."""
