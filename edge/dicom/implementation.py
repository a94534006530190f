"""What this product calls itself in DICOM. Imports no library: whoever only passes objects on needs no more."""

import uuid

# Minted once for this implementation, by the rule for UUIDs.  Standard: PS3.5 B.2
IMPLEMENTATION_CLASS_UID = "2.25.207661559487738232262526391326802483788"
PRODUCT_NAME = "Edge Appliance"


def product_version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # Heavy: only who writes objects asks.

    try:
        return version("edge-appliance")
    except PackageNotFoundError:
        return "0"


def new_uid() -> str:
    """Return a UID nobody else has.  Standard: PS3.5 B.2"""
    return f"2.25.{uuid.uuid4().int}"
