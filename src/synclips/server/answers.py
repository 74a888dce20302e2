"""Errors of the API: every one has a code, words, and what to do about it."""

from typing import Any, Final

from pydantic import BaseModel, Field

CODES: Final[dict[str, tuple[int, str, str]]] = {
    "bad_request": (400, "The request cannot be understood.", "Compare it with GET /api-json."),
    "generation_input_validation_failed": (400, "A field of the request is wrong.", "Correct the field that is named."),
    "generation_unsupported_model": (400, "There is no such model.", "Take one of GET /v2/models."),
    "generation_video_missing": (400, "The input has no video.", "Add an item of type video or image to input."),
    "generation_audio_missing": (400, "The input says nothing.", "Add an item of type text or audio to input."),
    "generation_text_length_exceeded": (400, "The text is too long.", "Send at most 5000 characters."),
    "generation_input_asset_missing": (400, "There is no such asset.", "Upload the file again."),
    "generation_input_url_forbidden": (
        400,
        "The URL is not fetched.",
        "Name a public https address, or upload the file.",
    ),
    "generation_input_video_inaccessible": (400, "The video cannot be fetched.", "Check that its URL can be read."),
    "generation_input_audio_inaccessible": (400, "The recording cannot be fetched.", "Check that its URL can be read."),
    "generation_media_metadata_missing": (400, "The file is no media file that can be read.", "Send an MP4 or a WAV."),
    "generation_media_unreadable": (400, "The media file cannot be used.", "Convert it to MP4 (H.264) or WAV."),
    "generation_no_face_found": (
        422,
        "The video shows no usable face.",
        "Send a video with a face seen from the front.",
    ),
    "generation_text_invalid": (422, "The text cannot be spoken.", "Write words."),
    "generation_voice_unavailable": (503, "The voice is not available here.", "Take another of GET /v2/voices."),
    "generation_model_unavailable": (503, "The model cannot be loaded.", "Ask the operator of this server."),
    "generation_output_failed": (
        503,
        "The result cannot be written.",
        "Ask the operator of this server for disk space.",
    ),
    "generation_worker_lost": (500, "The worker ended while it was at work.", "Send a shorter or smaller video."),
    "generation_timeout": (500, "The work took too long.", "Send a shorter video."),
    "generation_internal_error": (500, "An unexpected error ended the work.", "Ask the operator of this server."),
    "generation_cancelled": (409, "The generation was cancelled.", "Create it again."),
    "generation_not_terminal": (409, "The generation is not finished.", "Cancel it first, or wait."),
    "batch_invalid": (
        400,
        "The batch cannot be used.",
        "Send 1 to 500 lines of JSON, each with request_id and payload.",
    ),
    "INVALID_IDEMPOTENCY_KEY": (400, "The idempotency key is malformed.", "Send 1 to 128 of A-Z a-z 0-9 . _ ~ -"),
    "IDEMPOTENCY_KEY_REUSED": (409, "The idempotency key was used for another request.", "Send a new key."),
    "IDEMPOTENCY_OUTCOME_UNKNOWN": (
        503,
        "It cannot be told whether the request was taken.",
        "Send it again, same key.",
    ),
    "unauthorized": (401, "An API key is needed.", "Send it in the header x-api-key."),
    "forbidden": (403, "This is not allowed.", "Use a key with the scope that is named."),
    "not_found": (404, "There is nothing here.", "Check the identifier."),
    "method_not_allowed": (405, "The path has no such method.", "Compare it with GET /api-json."),
    "payload_too_large": (413, "The request is too large.", "Send less, or upload the file in the asset way."),
    "unsupported_media_type": (415, "The content type is not taken.", "Send application/json or multipart/form-data."),
    "rate_limited": (429, "Too many requests.", "Wait as long as Retry-After says."),
    "live_limit": (429, "There are too many live sessions.", "Try again when one has ended."),
    "live_over": (408, "The live session is over.", "Open a new one."),
    "queue_full": (429, "Too many unfinished generations.", "Wait until some are done."),
    "service_unavailable": (503, "The database does not answer.", "Send the request again later."),
    "internal_error": (500, "Something went wrong here.", "Ask the operator of this server."),
}
"""Status, words and suggestion of each code. A generation that failed names its code in `error_code`."""


class ErrorBody(BaseModel):
    """What every error's body is."""

    message: str
    status_code: int = Field(serialization_alias="statusCode")
    error_code: str = Field(serialization_alias="errorCode")
    suggestion: str
    field: str | None = None


class ApiError(Exception):
    """An answer that is an error. Without `message` the code's own words are sent."""

    def __init__(
        self, code: str, message: str = "", *, field: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, words, self.suggestion = CODES[code]
        self.code, self.message, self.field, self.headers = code, message or words, field, headers or {}

    def body(self) -> dict[str, Any]:
        """As JSON."""
        shown = ErrorBody(
            message=self.message,
            status_code=self.status,
            error_code=self.code,
            suggestion=self.suggestion,
            field=self.field,
        )
        return shown.model_dump(by_alias=True, exclude_none=True)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of an operation, for its OpenAPI description."""
    every = {400, 401, 403, 413, 429, 503, *statuses}
    return {
        status: {"model": ErrorBody, "description": "An error, with its code and a suggestion."} for status in every
    }
