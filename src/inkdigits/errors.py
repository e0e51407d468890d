"""What can go wrong, in words a user can act on.

    InkdigitsError
    ├── PictureError (ValueError)        a picture cannot be read, or is not a picture
    │   └── PictureTooLargeError         refused before decoding
    ├── DatasetError (ValueError)        a data set is missing, incomplete or of another format
    ├── ModelFileError (ValueError)      a model file is damaged, foreign or unsafe
    ├── RecipeError (ValueError)         a recipe does not exist or does not fit the data
    ├── RuleError (ValueError)           a rule for numbers is no rule, or contradicts another
    ├── CheckpointError (ValueError)     a training cannot go on from a checkpoint, or cannot write one
    ├── TableError (ValueError)          a table of readings cannot be written
    ├── SourceError (ValueError)         a source of many pictures is missing, damaged or of an unknown kind
    ├── StorageError (OSError)           an address cannot be listed, read or written
    ├── StoreError (OSError)             corrections cannot be kept: no store, or no space left
    ├── UnknownItemError (LookupError)   a picture is not in the store
    ├── BatchError (RuntimeError)        a batch cannot begin
    │   ├── BatchMismatchError           what there is was begun with another source, model, level or rule
    │   └── BatchStoppedError            it stopped before its end, and goes on when it is started again
    ├── ServiceError (ValueError)        the service cannot start as it was asked to
    └── MissingExtraError (ImportError)  the job needs an optional dependency

Each message says what was given, what is wrong and what to do next.
"""

from __future__ import annotations


class InkdigitsError(Exception):
    """Anything inkdigits refuses to do."""


class PictureError(InkdigitsError, ValueError):
    """A picture cannot be read."""


class PictureTooLargeError(PictureError):
    """A picture declares more pixels, or a file more bytes, than inkdigits is willing to decode."""


class DatasetError(InkdigitsError, ValueError):
    """A data set is missing, incomplete or of another format."""


class ModelFileError(InkdigitsError, ValueError):
    """A model file is damaged, comes from another program, or is not safe to load."""


class RecipeError(InkdigitsError, ValueError):
    """A recipe does not exist, or does not fit the data it was given."""


class RuleError(InkdigitsError, ValueError):
    """A rule for numbers cannot be understood, or no number keeps all of the rules."""


class CheckpointError(InkdigitsError, ValueError):
    """A checkpoint cannot be written, or is damaged or of another training."""


class TableError(InkdigitsError, ValueError):
    """A table of readings cannot be written."""


class SourceError(InkdigitsError, ValueError):
    """A source of many pictures is missing, damaged or of an unknown kind."""


class StorageError(InkdigitsError, OSError):
    """An address cannot be listed, read or written: trying again may help."""


class StoreError(InkdigitsError, OSError):
    """A store of corrections cannot be opened, read or written."""


class UnknownItemError(InkdigitsError, LookupError):
    """A picture is not in the store: it was deleted, or never there."""


class BatchError(InkdigitsError, RuntimeError):
    """A batch cannot begin."""


class BatchMismatchError(BatchError):
    """What there is was begun with another source, model, level or rule."""


class BatchStoppedError(BatchError):
    """A batch stopped before its end: what is done is kept, and it goes on when it is started again."""


class ServiceError(InkdigitsError, ValueError):
    """The service cannot start: its address cannot be had, or its token is missing."""


class MissingExtraError(InkdigitsError, ImportError):
    """The job needs an optional dependency that is not installed."""


def reason_of(error: Exception) -> str:
    """Return what the system or a library says went wrong: one line, the system's own words where there are any."""
    return getattr(error, "strerror", None) or one_line(error)


def one_line(value: object) -> str:
    """Return a text from a library or a file without what could break the line or steer a terminal."""
    printable = "".join(character if character.isprintable() else " " for character in str(value))
    return " ".join(printable.split())[:200] or type(value).__name__
