"""Parses models of any kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bounded_json import load_json
from baler_root.format.binary.packed import unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.conditional import model
from baler_root.format.codecs.conditional.model import Model
from baler_root.format.codecs.latent import model as autoencoder_model
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.limits import MAX_MANIFEST_LENGTH

AnyModel: TypeAlias = "Model | AutoencoderModel"


_OPEN: dict[str, Callable[[bytes | memoryview], AnyModel]] = {
    model.FORMAT: Model.from_bytes,
    autoencoder_model.FORMAT: AutoencoderModel.from_bytes,
}


def open_model(data: bytes | memoryview) -> AnyModel:
    """The model in these bytes; raises CorruptFileError if they are not a model."""
    try:
        name = load_json(unpack_bytes(Cursor(memoryview(data)), MAX_MANIFEST_LENGTH))["format"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CorruptFileError(f"the model is not valid ({type(error).__name__}: {error})") from None
    if not isinstance(name, str) or name not in _OPEN:
        raise CorruptFileError(f"the model is not valid: of the format {name!r}, not {' or '.join(_OPEN)}")
    return _OPEN[name](data)


def codec_of(model: AnyModel) -> str:
    """Id of the codec that uses a model."""
    return model.codec if isinstance(model, AutoencoderModel) else "conditional"
