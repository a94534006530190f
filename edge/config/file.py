"""A TOML file becomes a configuration, or it is said which key is wrong."""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from edge.config.checks import check
from edge.config.whole import Config
from edge.errors import ConfigError

DEFAULT_PATH = Path("/etc/edge/edge.toml")


def load(path: Path) -> Config:
    """Read a configuration file.  Raises: ConfigError that names the file, the key and the nearest known key."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"The configuration file {path} does not exist.", next_step="Name one with --config."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    _refuse_unknown_keys(document, Config, where="", path=path)
    try:
        config = msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}.") from error
    check(config, path)
    return config


def load_default(path: Path | None) -> Config:
    """Read the named file, else $EDGE_CONFIG, else the system's."""
    return load(path or Path(os.environ.get("EDGE_CONFIG", DEFAULT_PATH)))


def _refuse_unknown_keys(table: dict[str, Any], kind: type[msgspec.Struct], *, where: str, path: Path) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            advice = f"Did you mean {where}{near[0]}?" if near else f"Known here: {', '.join(sorted(fields))}."
            raise ConfigError(f"{path}: unknown key {where}{key}.", next_step=advice)
        inner = _struct_inside(fields[key])
        for part in value if isinstance(value, list) else [value]:
            if inner is not None and isinstance(part, dict):
                _refuse_unknown_keys(part, inner, where=f"{where}{key}.", path=path)


def _struct_inside(annotation: Any) -> type[msgspec.Struct] | None:
    """Return the struct in X, list[X] or X | None."""
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None
