"""The settings of the providers of models: keys, accounts and addresses, by the names that the vendors' own tools give them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


def validate_secret(secret: SecretStr) -> SecretStr:
    """A secret as it can be sent.

    Raises:
        ValueError: it holds blanks or characters that no header can carry.
    """
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("a value with blanks, control or non-ASCII characters; expected the token alone, as its maker shows it")
    return secret


Secret = Annotated[SecretStr, AfterValidator(validate_secret)]
WebAddress = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")]


class ModelSettings(BaseModel):
    """What providers need before they can be called, and addresses that take the place of their own."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, hide_input_in_errors=True)

    xai_api_key: Secret | None = None
    openai_api_key: Secret | None = None
    openrouter_api_key: Secret | None = None
    anthropic_api_key: Secret | None = None
    gemini_api_key: Secret | None = None
    mistral_api_key: Secret | None = None
    deepseek_api_key: Secret | None = None
    azure_ai_api_key: Secret | None = None
    azure_ai_api_base: WebAddress | None = None
    azure_api_key: Secret | None = None
    azure_api_base: WebAddress | None = None
    azure_api_version: str | None = None
    vertexai_project: str | None = None
    vertexai_location: str | None = None
    google_application_credentials: str | None = None
    aws_access_key_id: Secret | None = None
    aws_secret_access_key: Secret | None = None
    aws_region_name: str | None = None

    xai_base_url: WebAddress | None = None
    openai_base_url: WebAddress | None = None
    openrouter_base_url: WebAddress | None = None
    anthropic_base_url: WebAddress | None = None
    gemini_base_url: WebAddress | None = None
    mistral_base_url: WebAddress | None = None
    deepseek_base_url: WebAddress | None = None
    ollama_base_url: WebAddress | None = None
    vllm_base_url: WebAddress | None = None

    @property
    def base_urls(self) -> dict[str, str]:
        """Addresses that replace the providers' own, by the provider's name."""
        found = {
            name.removesuffix("_base_url"): getattr(self, name) for name in ModelSettings.model_fields if "_base_url" in name
        }
        return {provider: url for provider, url in found.items() if url is not None}
