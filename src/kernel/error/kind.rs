//! What kind of thing went wrong: the `ename` that a front end shows.

/// The kind of a failed cell. Each has one name, which tools may look for: it does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A cell before this one failed, so this one did not run.
    Aborted,
    /// The API failed in a way that has no kind of its own.
    Api,
    /// The key is missing, wrong or expired.
    Authentication,
    /// The front end's request cannot be read.
    BadRequest,
    /// The account has no credit.
    Billing,
    /// A limit that the person set was reached.
    BudgetExceeded,
    /// A setting of the kernel itself is wrong.
    Configuration,
    /// The API was not reached, or something between answered for it.
    Connection,
    /// A command of `%%exec` failed.
    ExecFailed,
    /// Claude ran something else than `%%exec` asked for.
    ExecMismatch,
    /// A file cannot be read, written, sent or fetched.
    File,
    /// The person stopped the cell.
    Interrupted,
    /// The API refuses the request as it stands.
    InvalidRequest,
    /// A structured answer does not fit its schema.
    InvalidResult,
    /// A magic is wrong, or does not fit where it stands.
    Magic,
    /// The prompt names a variable that nobody set.
    Name,
    /// The person did not allow what the cell needs.
    NotAllowed,
    /// The API knows no such model or thing.
    NotFound,
    /// The API has no capacity at the moment.
    Overloaded,
    /// The key may not do this.
    Permission,
    /// What the API sent cannot be read.
    Protocol,
    /// Too many requests in too short a time.
    RateLimit,
    /// Claude declined to answer.
    Refusal,
    /// Only recordings may answer, and there is none of this cell.
    ReplayMiss,
    /// The request has more bytes than the API takes.
    RequestTooLarge,
    /// The sandbox cannot be used.
    Sandbox,
    /// The spending limit of the account was reached.
    SpendLimit,
    /// A front end sent a request that was meant for another run of the kernel.
    StaleRequest,
    /// The answer broke off.
    StreamBroken,
    /// The API did not answer in time.
    Timeout,
    /// One of the person's own tools failed.
    Tool,
    /// A file could not be sent to the sandbox.
    Upload,
}

impl ErrorKind {
    /// All kinds, in the order of their names.
    pub const ALL: [Self; 32] = [
        Self::Aborted,
        Self::Api,
        Self::Authentication,
        Self::BadRequest,
        Self::Billing,
        Self::BudgetExceeded,
        Self::Configuration,
        Self::Connection,
        Self::ExecFailed,
        Self::ExecMismatch,
        Self::File,
        Self::Interrupted,
        Self::InvalidRequest,
        Self::InvalidResult,
        Self::Magic,
        Self::Name,
        Self::NotAllowed,
        Self::NotFound,
        Self::Overloaded,
        Self::Permission,
        Self::Protocol,
        Self::RateLimit,
        Self::Refusal,
        Self::ReplayMiss,
        Self::RequestTooLarge,
        Self::Sandbox,
        Self::SpendLimit,
        Self::StaleRequest,
        Self::StreamBroken,
        Self::Timeout,
        Self::Tool,
        Self::Upload,
    ];

    /// The name on the wire. A stopped cell has the name that front ends know from Python.
    #[must_use]
    pub const fn ename(self) -> &'static str {
        match self {
            Self::Aborted => "Aborted",
            Self::Api => "ApiError",
            Self::Authentication => "AuthenticationError",
            Self::BadRequest => "BadRequest",
            Self::Billing => "BillingError",
            Self::BudgetExceeded => "BudgetExceeded",
            Self::Configuration => "ConfigurationError",
            Self::Connection => "ConnectionError",
            Self::ExecFailed => "ExecFailed",
            Self::ExecMismatch => "ExecMismatch",
            Self::File => "FileError",
            Self::Interrupted => "KeyboardInterrupt",
            Self::InvalidRequest => "InvalidRequestError",
            Self::InvalidResult => "InvalidResult",
            Self::Magic => "MagicError",
            Self::Name => "NameError",
            Self::NotAllowed => "NotAllowed",
            Self::NotFound => "NotFoundError",
            Self::Overloaded => "OverloadedError",
            Self::Permission => "PermissionError",
            Self::Protocol => "ProtocolError",
            Self::RateLimit => "RateLimitError",
            Self::Refusal => "Refusal",
            Self::ReplayMiss => "ReplayMiss",
            Self::RequestTooLarge => "RequestTooLargeError",
            Self::Sandbox => "SandboxError",
            Self::SpendLimit => "SpendLimitError",
            Self::StaleRequest => "StaleRequest",
            Self::StreamBroken => "StreamBroken",
            Self::Timeout => "TimeoutError",
            Self::Tool => "ToolError",
            Self::Upload => "UploadError",
        }
    }

    /// Returns the page of the guide that tells more (`%help guide`); `None` where the hint says all.
    #[must_use]
    pub const fn guide(self) -> Option<&'static str> {
        match self {
            Self::Aborted
            | Self::BadRequest
            | Self::Interrupted
            | Self::Magic
            | Self::StaleRequest => None,
            Self::Authentication | Self::Permission => Some("first-notebook"),
            Self::Billing | Self::BudgetExceeded | Self::SpendLimit => Some("money"),
            Self::ExecFailed | Self::ExecMismatch => Some("security"),
            Self::File | Self::RequestTooLarge | Self::Upload => Some("data"),
            Self::InvalidRequest | Self::Refusal | Self::Sandbox | Self::StreamBroken => {
                Some("conversations")
            }
            Self::InvalidResult => Some("results"),
            Self::Name => Some("headless"),
            Self::NotAllowed | Self::Tool => Some("tools"),
            Self::ReplayMiss => Some("sharing"),
            Self::Api
            | Self::Configuration
            | Self::Connection
            | Self::NotFound
            | Self::Overloaded
            | Self::Protocol
            | Self::RateLimit
            | Self::Timeout => Some("trouble"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guide's table of errors leads to the page that an error names.
    #[test]
    fn the_guide_and_the_errors_agree() {
        let table = include_str!("../../../docs/guide/src/trouble.md");
        for kind in ErrorKind::ALL {
            let begin = format!("| `{}` |", kind.ename());
            let row = table.lines().find(|line| line.starts_with(&begin));
            let row = row.unwrap_or_else(|| panic!("{begin} is not in the table"));
            match kind.guide() {
                Some("trouble") => assert!(row.ends_with("| this page |"), "{row}"),
                Some(page) => assert!(row.ends_with(&format!("({page}.md) |")), "{row}"),
                None => {}
            }
        }
    }
}
