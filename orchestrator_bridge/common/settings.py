"""Types of environment settings, and the base of the models that read them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, WrapValidator
from pydantic import ValidatorFunctionWrapHandler as Validate


def validate_secret(secret: SecretStr) -> SecretStr:
    """Check that a secret can be sent in an HTTP header.

    Raises:
        ValueError: it contains spaces, control characters or characters outside ASCII.
    """
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError(
            "a value with spaces, control or non-ASCII characters; expected the token alone, as the provider shows it"
        )
    return secret


def _validate_port(value: Any, validate: Validate) -> Any:
    try:
        return validate(value)
    except ValidationError:
        raise ValueError("expected a port number from 1 to 65535") from None


Secret = Annotated[SecretStr, AfterValidator(validate_secret)]
"""A token or key. It is not shown in messages, logs or reprs."""
WebAddress = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")]
SocketAddress = Annotated[str, Field(pattern=r"^wss?://[^\s/]+\S*$")]
Port = Annotated[int, Field(ge=1, le=65535), WrapValidator(_validate_port)]


class EnvironmentSettings(BaseModel):
    """Settings that are read from the environment: the field `xai_api_key` is the variable `XAI_API_KEY`, unless it has an alias.

    A validator raises `ValueError("<found>; expected <expected>")`. Input is hidden in errors because it may be a secret.
    """

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, hide_input_in_errors=True)
