"""Speaking: text to clauses to sound."""
