"""What `make demo` adds to the appliance: an embedded archive as the hospital, a generated slide, invented patients."""
