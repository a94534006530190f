"""Which relays a call may use, and the passwords for them, which end.  Pure: time is handed in.

The node and a relay share a secret; whoever joins gets a name that says until when it is good, and the password that
belongs to it. The relay works out the same and needs no list of people.
Standard: draft-uberti-behave-turn-rest (as coturn's `use-auth-secret` does it), RFC 9725 4.6
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IceServer:
    """One address that a peer may ask for a way through the network."""

    url: str
    username: str = ""
    credential: str = ""

    @property
    def link(self) -> str:
        """How an answer over HTTP names it.  Standard: RFC 9725 4.6, RFC 8288"""
        link = f'<{self.url}>; rel="ice-server"'
        if self.username:
            link += f'; username="{_quoted(self.username)}"; credential="{_quoted(self.credential)}"'
            link += '; credential-type="password"'
        return link


def ice_servers(
    fixed: Sequence[Mapping[str, str]], relays: Sequence[str], *, secret: str, name: str, lasts_s: float, now_s: float
) -> tuple[IceServer, ...]:
    """Return every server of one peer: those with a password of their own, then the relays with one that ends.

    `name` tells peers apart in the relay's log; it is never a person's.
    """
    named = tuple(
        IceServer(url=row["urls"], username=row.get("username", ""), credential=row.get("credential", ""))
        for row in fixed
    )
    username = f"{int(now_s + lasts_s)}:{name}"
    password = relay_password(secret, username) if secret else ""
    return named + tuple(IceServer(url=url, username=username if secret else "", credential=password) for url in relays)


def relay_password(secret: str, username: str) -> str:
    """Return what a relay with this secret expects of this name."""
    return base64.b64encode(hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()).decode()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
