"""From documents to objects: reading, JSON Schemas, rules across objects. Pure."""
