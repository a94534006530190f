"""What local carts and workstations ask of this node over DIMSE."""
