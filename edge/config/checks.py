"""What a configuration must fulfil that its types do not say."""

import ipaddress
from pathlib import Path

from edge.config.addresses import split_address
from edge.config.destinations import Destination
from edge.config.whole import Config
from edge.core.slide_label import LabelRuleError, read_rule
from edge.errors import ConfigError

HUB_TOKEN_LENGTH_MIN = 20
AE_TITLE_LENGTH_MAX = 16
_NEEDED_BY_SOURCE = {"v4l2": "device", "stream": "url", "file": "path", "dicom": "path"}
_NEEDED_BY_DESTINATION = {
    "stow": ("url",), "hub": ("url", "token"), "s3": ("url", "path"), "folder": ("path",),
}  # fmt: skip


def check(config: Config, path: Path) -> None:
    """Raises: ConfigError that names the file and what is wrong in it."""
    _check_names(config, path)
    _check_listening(config, path)
    _check_sources(config, path)
    _check_hub(config, path)
    _check_live(config, path)
    for destination in config.destination:
        _check_destination(destination, path)
    _check_routes(config, path)
    _check_peers(config, path)
    _check_titles(config, path)


def _check_names(config: Config, path: Path) -> None:
    for label, names in (
        ("source", [source.name for source in config.source]),
        ("destination", [destination.name for destination in config.destination]),
        ("peer", [peer.name for peer in config.peer]),
        ("hub.node", [node.name for node in config.hub.node]),
    ):
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"{path}: two entries [[{label}]] are called {name!r}.")
            if not name or not all(character.isalnum() or character in "-_" for character in name):
                raise ConfigError(f"{path}: {label} name {name!r} may hold only letters, digits, - and _.")


def _check_listening(config: Config, path: Path) -> None:
    for key, address in (("api.listen", config.api.listen), ("receive.listen", config.receive.listen)):
        try:
            split_address(address)
        except ConfigError as error:
            raise ConfigError(f"{path}: {key}: {error.message}", next_step=error.advice) from error


def _check_sources(config: Config, path: Path) -> None:
    for source in config.source:
        key_needed = _NEEDED_BY_SOURCE.get(source.kind)
        if key_needed and not getattr(source, key_needed):
            raise ConfigError(f"{path}: source {source.name!r} of kind {source.kind} needs the key {key_needed!r}.")
    if config.inbox.barcode:
        try:
            read_rule(config.inbox.barcode)
        except LabelRuleError as error:
            raise ConfigError(f"{path}: inbox.barcode: {error}.") from error


def _check_hub(config: Config, path: Path) -> None:
    tokens = [node.token for node in config.hub.node]
    if any(len(token) < HUB_TOKEN_LENGTH_MIN for token in tokens) or len(set(tokens)) != len(tokens):
        raise ConfigError(
            f"{path}: each hub.node needs a token of its own, of at least {HUB_TOKEN_LENGTH_MIN} characters.",
            next_step="Make one with `openssl rand -hex 32`.",
        )


def _check_live(config: Config, path: Path) -> None:
    live = config.live
    for url in live.relays:
        if not url.startswith(("turn:", "turns:")):
            raise ConfigError(f"{path}: live.relays: {url!r} is not a TURN address.", next_step="Write turn:host:port.")
    if live.relays and not live.relay_secret:
        raise ConfigError(
            f"{path}: live.relays needs live.relay_secret.", next_step="Relays with a fixed password: live.ice_servers."
        )
    if live.second_source and config.find_source(live.second_source) is None:
        raise ConfigError(f"{path}: live.second_source {live.second_source!r} is not the name of a [[source]].")
    if live.publish_url and not live.publish_url.startswith(("http://", "https://")):
        raise ConfigError(f"{path}: live.publish_url {live.publish_url!r} is not a web address.")


def _check_destination(destination: Destination, path: Path) -> None:
    kind = destination.kind
    for wanted in _NEEDED_BY_DESTINATION.get(kind, ()):
        if not getattr(destination, wanted):
            raise ConfigError(f"{path}: destination {destination.name!r} of kind {kind} needs the key {wanted!r}.")
    try:
        hours = destination.parsed_hours
    except ValueError as error:
        raise ConfigError(
            f"{path}: destination {destination.name!r}: {error.args[0]!r} is not a time of day.",
            next_step="Write for example 08:00.",
        ) from error
    if any(line.rate_bytes_s < 0 for line in hours):
        raise ConfigError(f"{path}: destination {destination.name!r}: hours.rate_bps is below 0.")
    if destination.accepts_concatenation and kind not in ("dimse", "stow"):
        raise ConfigError(
            f"{path}: destination {destination.name!r} of kind {kind} takes objects whole, however bad the link is.",
            next_step="Remove accepts_concatenation.",
        )
    if destination.part_mb <= 0:
        raise ConfigError(f"{path}: destination {destination.name!r}: part_mb is to be more than 0.")
    if destination.associations_max < 1:
        raise ConfigError(f"{path}: destination {destination.name!r}: associations_max is to be at least 1.")
    for key in ("url", "readback_url"):
        address = getattr(destination, key)
        if address and not address.startswith(("http://", "https://")):
            raise ConfigError(
                f"{path}: destination {destination.name!r}: {key} {address!r} is not a web address.",
                next_step="Write for example https://pacs.hospital.example/dicom-web.",
            )


def _check_routes(config: Config, path: Path) -> None:
    known = {destination.name for destination in config.destination}
    for unknown in sorted({name for route in config.route for name in route.destinations} - known):
        raise ConfigError(f"{path}: a [[route]] leads to {unknown!r}, which is no destination.")


def _check_peers(config: Config, path: Path) -> None:
    titles = [peer.ae_title for peer in config.peer]
    for peer in config.peer:
        if titles.count(peer.ae_title) > 1:
            raise ConfigError(f"{path}: two entries [[peer]] have the AE title {peer.ae_title!r}.")
        for address in peer.addresses:
            try:
                ipaddress.ip_network(address, strict=False)
            except ValueError as error:
                raise ConfigError(
                    f"{path}: peer {peer.name!r}: {address!r} is not an address or a network.",
                    next_step="Write for example 10.0.0.7 or 10.0.0.0/24.",
                ) from error


def _check_titles(config: Config, path: Path) -> None:
    titles = [*(peer.ae_title for peer in config.peer), *(one.ae_title for one in config.destination)]
    for title in (config.node.ae_title, *titles):
        if not 1 <= len(title.strip()) <= AE_TITLE_LENGTH_MAX or "\\" in title or not title.isascii():
            raise ConfigError(f"{path}: {title!r} is not an AE title: 1 to 16 ASCII characters, no backslash.")
