//! The rules of a conversation.

use super::error::ApiError;
use super::headers::Version;
use super::request::Request;

/// Checks a request whose shape is right.
pub(super) fn check(request: &Request, _version: Version) -> Result<(), ApiError> {
    if request.messages.is_empty() {
        return Err(ApiError::invalid(
            "messages: at least one message is required",
        ));
    }
    Ok(())
}
