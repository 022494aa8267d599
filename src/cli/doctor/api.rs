//! Checks whether there are credentials and whether the API accepts them, with the one call that is
//! free.

use std::time::Duration;

use super::{Finding, Level};
use crate::anthropic::client::{Client, ClientOptions};
use crate::anthropic::error::ApiError;
use crate::config::{Config, Environment};

/// How long the API may take: a person is waiting, and a working connection answers within a
/// second.
const CALL_LIMIT: Duration = Duration::from_secs(20);

const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Says where the credentials come from, then uses them to list the models.
pub(super) async fn check(
    config: &Config,
    environment: &Environment,
    is_offline: bool,
) -> Vec<Finding> {
    let client = Client::new(ClientOptions::new(config, environment.clone()));
    let origin = match client.credentials_origin() {
        Ok(origin) => origin,
        // The sentence also says what to do.
        Err(error) => {
            return vec![Finding {
                level: Level::Warn,
                topic: "credentials",
                text: error.to_string(),
                advice: None,
            }];
        }
    };
    let mut findings = vec![Finding::ok("credentials", format!("found: {origin}"))];
    if environment.get("ANTHROPIC_API_KEY").is_some()
        && environment.get("ANTHROPIC_AUTH_TOKEN").is_some()
    {
        findings.push(Finding::warn(
            "credentials",
            "both ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are set; the key is used",
            "unset the one you do not mean",
        ));
    }
    if is_offline {
        return findings;
    }
    let called = tokio::time::timeout(CALL_LIMIT, client.models()).await;
    let result = called.unwrap_or(Err(ApiError::Timeout {
        seconds: CALL_LIMIT.as_secs(),
    }));
    match result {
        Ok(models) => {
            findings.push(Finding::ok(
                "api",
                format!("answers, and offers {} models", models.len()),
            ));
            let wanted = config.model.as_deref();
            if let Some(wanted) = wanted.filter(|w| !models.iter().any(|m| m.id == *w)) {
                findings.push(Finding::warn(
                    "api",
                    format!("the configured model `{wanted}` is not among them"),
                    "choose another, or remove the setting `model`; `%models` lists them",
                ));
            }
        }
        Err(error) => {
            let proxy = PROXY_VARIABLES
                .into_iter()
                .find(|name| environment.get(name).is_some());
            findings.push(diagnose(&error, &origin, proxy));
        }
    }
    findings
}

/// Says what a failed call means and what to do.
fn diagnose(error: &ApiError, origin: &str, proxy: Option<&str>) -> Finding {
    let advice = match error {
        ApiError::NoCredentials { .. } => "log in again, or set ANTHROPIC_API_KEY".to_owned(),
        ApiError::Misconfigured { .. } => "correct the setting; the README lists them".to_owned(),
        ApiError::Connect { .. } | ApiError::Timeout { .. } => match proxy {
            Some(name) => format!("check the network and the proxy in {name}"),
            None => "check the network; behind a proxy set HTTPS_PROXY, for a company's own \
                 certificates the setting `ca_file`"
                .to_owned(),
        },
        ApiError::Status { status: 401, .. } => {
            format!("the API does not take what {origin} holds: check it, or make a new key")
        }
        ApiError::Status { status: 403, .. } => {
            format!("what {origin} holds may not do this: check its workspace and rights")
        }
        ApiError::Status { status: 407, .. } => {
            "the proxy wants a login: put it into HTTPS_PROXY".to_owned()
        }
        ApiError::Status { status: 404, .. } | ApiError::Protocol { .. } => {
            "something else answers there: check `base_url`, ANTHROPIC_BASE_URL and proxies"
                .to_owned()
        }
        ApiError::Status { status, .. } if *status == 429 || *status >= 500 => {
            return Finding::warn(
                "api",
                error.to_string(),
                "the way there works; try again in a while",
            );
        }
        ApiError::Status { .. }
        | ApiError::Stream { .. }
        | ApiError::Empty { .. }
        | ApiError::Truncated { .. }
        | ApiError::Source { .. }
        | ApiError::TooLarge { .. } => {
            "try again; if it stays, look into the log with CLAUDE_KERNEL_LOG=debug".to_owned()
        }
    };
    Finding::fail("api", error.to_string(), advice)
}
