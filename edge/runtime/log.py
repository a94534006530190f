"""One event a line to stderr: `time level service noun.verb key=value …`.

Identifiers of objects may be logged; names, birth dates and patient IDs never are.
"""

import json
import logging
import re
import sys
import time
import warnings
from typing import Any

_IS_PLAIN = re.compile(r"[a-zA-Z0-9._:/@+-]+").fullmatch
VALUE_CHARS_MAX = 500
_TALKATIVE = frozenset({"pynetdicom", "pydicom", "aioice", "aiortc"})


class _Line(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = f"{stamp}.{int(record.msecs):03d}Z {record.levelname.lower()} {self._service} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up(service: str, *, is_verbose: bool = False) -> None:
    """Send everything to stderr in our form; libraries speak from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("edge").setLevel(logging.DEBUG if is_verbose else logging.INFO)
    handler.addFilter(_is_fit_to_print)
    warnings.simplefilter("ignore")


def _is_fit_to_print(record: logging.LogRecord) -> bool:
    """Leave out what libraries say of datasets and SDP: patient data and addresses have no place in a log.

    A filter, not a level: pydicom sets the level of its logger again when it is imported.
    """
    return record.levelno >= logging.CRITICAL or record.name.partition(".")[0] not in _TALKATIVE


def event(logger: logging.Logger, name: str, /, *, level: int = logging.INFO, **values: Any) -> None:
    """Write one event; values are quoted when they need it."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s", " ".join([name, *(f"{key}={_quote(value)}" for key, value in values.items())]))


def _quote(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = text[:VALUE_CHARS_MAX]
    return text if _IS_PLAIN(text) else json.dumps(text, ensure_ascii=False)
