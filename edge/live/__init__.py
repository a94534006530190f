"""Live media: one encoder a source, a room a session, a peer a browser."""
