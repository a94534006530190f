"""The configuration: one TOML file, read once at start, every key known.

`Config` is what the rest of the product sees; `load()` turns a file into it or says which key is wrong. Here are the
names that others use; the tables of one kind each have their own module.
"""

from edge.config.addresses import is_loopback, split_address
from edge.config.destinations import Destination, HubNode, Peer
from edge.config.file import DEFAULT_PATH, load, load_default
from edge.config.node import Api, Live, Node, Receive, RecordSyntax, Retention, Source, Worklist
from edge.config.whole import Config

__all__ = [
    "DEFAULT_PATH",
    "Api",
    "Config",
    "Destination",
    "HubNode",
    "Live",
    "Node",
    "Peer",
    "Receive",
    "RecordSyntax",
    "Retention",
    "Source",
    "Worklist",
    "is_loopback",
    "load",
    "load_default",
    "split_address",
]
