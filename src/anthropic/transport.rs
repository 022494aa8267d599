//! One HTTP attempt: connections, addresses, headers, and errors as values. An edge.
//!
//! Nothing is built before the first call: the system's certificates take tens of milliseconds to
//! load. A base URL on this machine needs neither them nor a proxy.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: expiry dates and `retry-after` dates need the wall clock"
)]

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Response, StatusCode, Url, redirect};
use tokio::sync::{OnceCell, Semaphore};

use super::address::{address, host, is_local, parse_base};
use super::call::{Call, Payload};
use super::credentials::{Credentials, Freshness, OAUTH_BETA, Renewal};
use super::error::{ApiError, ErrorResponse};
use super::headers::headers;
use crate::config::{Config, Environment, KnownSecrets, Secret};
use crate::host::unnumbered;

/// Where the API is, unless an option or a profile says otherwise.
pub const DEFAULT_BASE_URL: &str = "https://api.anthropic.com";

const USER_AGENT: &str = concat!("claude-kernel/", env!("CARGO_PKG_VERSION"));
/// Redirects within the same origin that are followed.
const MAX_REDIRECTS: usize = 5;
/// What is read of an error's body.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// The token endpoint answers within this time or not at all.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// Lets the system notice a dead peer while a long command keeps the stream silent.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// What a client is made of.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Where the API is; `None` leaves it to the profile, then to [`DEFAULT_BASE_URL`].
    pub base_url: Option<String>,
    /// A key that goes before everything in the environment.
    pub key: Option<Secret>,
    /// Where credentials, custom headers and proxies are looked up.
    pub environment: Environment,
    /// PEM certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long the API may be silent.
    pub read_timeout: Duration,
}

impl ClientOptions {
    /// Takes the API's whereabouts from the configuration and credentials from the environment.
    #[must_use]
    pub fn new(config: &Config, environment: Environment) -> Self {
        Self {
            base_url: config.base_url.clone(),
            key: None,
            environment,
            ca_file: config.ca_file.clone(),
            connect_timeout: Duration::from_secs(5),
            read_timeout: config.read_timeout,
        }
    }

    /// Makes options for a known address and key, with nothing from the environment.
    #[must_use]
    pub fn for_key(base_url: impl Into<String>, key: Secret) -> Self {
        let environment = Environment::default();
        Self {
            base_url: Some(base_url.into()),
            key: Some(key),
            ..Self::new(&Config::defaults(&environment), environment)
        }
    }
}

/// Sends calls; one attempt each.
#[derive(Debug)]
pub(super) struct Transport {
    options: ClientOptions,
    local: OnceCell<reqwest::Client>,
    remote: OnceCell<reqwest::Client>,
    /// For files on their way out: silence is not measured from the first byte sent.
    local_uploads: OnceCell<reqwest::Client>,
    remote_uploads: OnceCell<reqwest::Client>,
    /// One renewal at a time: a refresh token may be good for one use.
    renewing: Semaphore,
}

impl Transport {
    pub(super) fn new(options: ClientOptions) -> Self {
        Self {
            options,
            local: OnceCell::new(),
            remote: OnceCell::new(),
            local_uploads: OnceCell::new(),
            remote_uploads: OnceCell::new(),
            renewing: Semaphore::new(1),
        }
    }

    pub(super) fn options(&self) -> &ClientOptions {
        &self.options
    }

    pub(super) fn find_credentials(&self) -> Result<Credentials, ApiError> {
        Credentials::find(
            self.options.key.as_ref(),
            &self.options.environment,
            now_s(),
        )
    }

    /// Returns what the calls carry that must not be seen.
    pub(super) fn secrets(&self) -> KnownSecrets {
        let found = self.find_credentials();
        found.map(|found| found.secrets()).unwrap_or_default()
    }

    /// Completes when the headers of a good response are here.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Response, ApiError> {
        let mut credentials = self.find_credentials()?;
        let base = self.base_url(credentials.base_url.as_deref())?;
        if credentials.freshness != Freshness::Fresh
            && let Some(renewal) = credentials.renewal.clone()
        {
            match self.renew(&base, renewal, credentials.token.as_ref()).await {
                Ok(token) => credentials.token = Some(token),
                Err(error) if credentials.freshness == Freshness::Expired => return Err(error),
                Err(error) => tracing::warn!(%error, "the login could not be renewed ahead"),
            }
        }
        let response = self.attempt(&base, call, &credentials).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            let asked = response.url().clone();
            let has_path = base.path().trim_end_matches('/').is_empty();
            let accepted = self.accept(response, &credentials).await;
            return accepted.map_err(|error| error.at_address(asked.as_str(), has_path));
        }
        let Some(renewal) = credentials.renewal.clone() else {
            return self.accept(response, &credentials).await;
        };
        let refused = self.accept(response, &credentials).await;
        match self.renew(&base, renewal, credentials.token.as_ref()).await {
            Ok(token) => credentials.token = Some(token),
            Err(error) => {
                tracing::warn!(%error, "the login could not be renewed after a 401");
                return refused;
            }
        }
        let response = self.attempt(&base, call, &credentials).await?;
        self.accept(response, &credentials).await
    }

    async fn attempt(
        &self,
        base: &Url,
        call: &Call<'_>,
        credentials: &Credentials,
    ) -> Result<Response, ApiError> {
        let url = address(base, call.path)?;
        let uploads = matches!(call.body, Some(Payload::Form(_)));
        let http = self.http(base, uploads).await?;
        let request = http
            .request(call.method.clone(), url)
            .headers(headers(call, credentials)?);
        let sent = match &call.body {
            None => request.send().await,
            Some(Payload::Json(body)) => request.body(body.clone()).send().await,
            Some(Payload::Form(form)) => {
                let request = request.body(form.body().await?);
                let sent = tokio::select! {
                    sent = request.send() => Some(sent),
                    () = form.stalled(self.options.read_timeout) => None,
                };
                match sent {
                    // The error of the file says more than the error that the connection made of
                    // it.
                    Some(Err(error)) => match form.problem() {
                        Some(problem) => return Err(problem),
                        None => Err(error),
                    },
                    Some(Ok(response)) => Ok(response),
                    None => {
                        return Err(ApiError::Timeout {
                            seconds: self.options.read_timeout.as_secs(),
                        });
                    }
                }
            }
        };
        sent.map_err(|error| self.failed(&error, base).without(&credentials.secrets()))
    }

    async fn accept(
        &self,
        response: Response,
        credentials: &Credentials,
    ) -> Result<Response, ApiError> {
        if response.status().is_success() {
            return Ok(response);
        }
        let error = refusal(response, &credentials.secrets()).await;
        tracing::debug!(%error, request_id = error.request_id(), "the API refused a call");
        Err(error)
    }

    /// Returns an error without the credentials that may stand in its texts.
    pub(super) fn hidden(&self, error: ApiError) -> ApiError {
        match self.find_credentials() {
            Ok(credentials) => error.without(&credentials.secrets()),
            Err(_) => error,
        }
    }

    /// Gets a new token. Waits for a renewal that is under way and takes its result.
    async fn renew(
        &self,
        base: &Url,
        mut renewal: Renewal,
        known_bad: Option<&Secret>,
    ) -> Result<Secret, ApiError> {
        let _turn = self.renewing.acquire().await;
        // Another call, or another program, may have renewed it since.
        if let Ok(current) = self.find_credentials() {
            if current.freshness == Freshness::Fresh
                && let Some(token) = &current.token
                && Some(token) != known_bad
            {
                return Ok(token.clone());
            }
            if let Some(newer) = current.renewal {
                renewal = newer;
            }
        }
        let token_base = match &renewal.base_url {
            Some(url) => parse_base(url)?,
            None => base.clone(),
        };
        if token_base.scheme() != "https" && !is_local(&token_base) {
            return Err(ApiError::NoCredentials {
                reason: format!("a login is not renewed over plain HTTP (`{token_base}`)"),
            });
        }
        let url = address(&token_base, "/v1/oauth/token")?;
        let http = self.http(&token_base, false).await?;
        let response = http
            .post(url)
            .header("content-type", "application/json")
            .header("anthropic-beta", OAUTH_BETA)
            .timeout(TOKEN_TIMEOUT)
            .body(renewal.body())
            .send()
            .await
            .map_err(|error| self.failed(&error, &token_base))?;
        if !response.status().is_success() {
            let secrets = KnownSecrets::new([renewal.secret().clone()]);
            return Err(not_renewed(refusal(response, &secrets).await));
        }
        let body = read_start(response).await;
        renewal.store(&body, now_s())
    }

    fn base_url(&self, of_profile: Option<&str>) -> Result<Url, ApiError> {
        parse_base(
            self.options
                .base_url
                .as_deref()
                .or(of_profile)
                .unwrap_or(DEFAULT_BASE_URL),
        )
    }

    async fn http(&self, base: &Url, uploads: bool) -> Result<&reqwest::Client, ApiError> {
        let local = is_local(base) && base.scheme() == "http";
        let cell = match (local, uploads) {
            (true, false) => &self.local,
            (false, false) => &self.remote,
            (true, true) => &self.local_uploads,
            (false, true) => &self.remote_uploads,
        };
        cell.get_or_try_init(|| async {
            let options = self.options.clone();
            // Certificates are read from disk.
            let built = tokio::task::spawn_blocking(move || build(&options, local, uploads)).await;
            match built {
                Ok(Ok(client)) => Ok(client),
                Ok(Err(reason)) => Err(reason),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
        .map_err(|reason| ApiError::Misconfigured { reason })
    }

    fn failed(&self, error: &reqwest::Error, base: &Url) -> ApiError {
        if error.is_timeout() && !error.is_connect() {
            return ApiError::Timeout {
                seconds: self.options.read_timeout.as_secs(),
            };
        }
        ApiError::Connect {
            host: host(base),
            reason: certificate_problem(error).unwrap_or_else(|| cause(error)),
        }
    }
}

fn build(options: &ClientOptions, local: bool, uploads: bool) -> Result<reqwest::Client, String> {
    // Fails when a provider is there already, which then is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(options.connect_timeout)
        .tcp_keepalive(KEEPALIVE)
        .redirect(redirect::Policy::custom(same_origin))
        .referer(false)
        .no_proxy();
    if !uploads {
        builder = builder.read_timeout(options.read_timeout);
    }
    if local {
        builder = builder.tls_certs_only([]);
    } else {
        for proxy in proxies(&options.environment)? {
            builder = builder.proxy(proxy);
        }
        if let Some(path) = &options.ca_file {
            builder = builder.tls_certs_merge(certificates(path)?);
        }
    }
    builder.build().map_err(|error| cause(&error))
}

/// A redirect to another host would carry the key there.
fn same_origin(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let stays = attempt
        .previous()
        .last()
        .is_some_and(|from| from.origin() == attempt.url().origin());
    if stays && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

fn proxies(environment: &Environment) -> Result<Vec<reqwest::Proxy>, String> {
    let either = |lower: &str| {
        environment
            .get(lower)
            .or_else(|| environment.get(&lower.to_uppercase()))
    };
    // No proxy leads back to this machine.
    let direct = either("no_proxy").unwrap_or_default();
    let none = reqwest::NoProxy::from_string(&format!("{direct},localhost,127.0.0.0/8,::1"));
    let mut found = Vec::new();
    for name in ["https_proxy", "http_proxy", "all_proxy"] {
        let Some(url) = either(name) else { continue };
        let proxy = match name {
            "https_proxy" => reqwest::Proxy::https(url),
            "http_proxy" => reqwest::Proxy::http(url),
            _ => reqwest::Proxy::all(url),
        }
        .map_err(|_| format!("`{name}` is not the address of a proxy"))?;
        found.push(proxy.no_proxy(none.clone()));
    }
    Ok(found)
}

fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, String> {
    let shown = path.display();
    let pem = std::fs::read(path)
        .map_err(|error| format!("`{shown}` cannot be read ({})", unnumbered(&error)))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(format!("`{shown}` holds no PEM certificate")),
    }
}

/// Reads what a refusal says. Something on the way may have quoted the request's headers: the
/// secrets are covered before the text is cut to length, which could leave half of one.
async fn refusal(response: Response, secrets: &KnownSecrets) -> ApiError {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = read_start(response).await;
    let text = String::from_utf8_lossy(&body);
    let body = secrets.cover(&text, "…");
    ApiError::from_response(&ErrorResponse {
        status,
        header: |name: &str| headers.get(name).and_then(|value| value.to_str().ok()),
        body: body.as_bytes(),
        now: SystemTime::now(),
    })
    .without(secrets)
}

/// A renewal the API declines for good is a matter of credentials, not of the call.
fn not_renewed(error: ApiError) -> ApiError {
    match error {
        ApiError::Status {
            status: 400..=407,
            message,
            ..
        } => ApiError::NoCredentials {
            reason: format!("the login could not be renewed ({message}); log in again"),
        },
        other => other,
    }
}

/// Reads a small body, or the start of a large one; what breaks off is kept.
pub(super) async fn read_start(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ERROR_BYTES {
            body.truncate(MAX_ERROR_BYTES);
            break;
        }
    }
    body
}

/// Says in plain words what is wrong with a server's certificate, if that is why a call failed.
fn certificate_problem(error: &reqwest::Error) -> Option<String> {
    let mut inner: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut found = None;
    while let Some(error) = inner {
        // An error of a socket may hold one of the encryption.
        let held = error.downcast_ref::<std::io::Error>();
        let held = held.and_then(std::io::Error::get_ref);
        let held = held.and_then(|held| held.downcast_ref::<rustls::Error>());
        found = found.or(held).or(error.downcast_ref::<rustls::Error>());
        inner = error.source();
    }
    let rustls::Error::InvalidCertificate(problem) = found? else {
        return None;
    };
    Some(of_certificate(problem))
}

fn of_certificate(problem: &rustls::CertificateError) -> String {
    use rustls::CertificateError as Problem;
    match problem {
        Problem::UnknownIssuer => {
            "its certificate is signed by an authority that this machine does not know, as those of \
             company proxies are; name the authority's PEM file with the setting `ca_file` \
             (`CLAUDE_KERNEL_CA_FILE`)"
                .to_owned()
        }
        Problem::Expired | Problem::ExpiredContext { .. } => {
            "its certificate has expired, or the clock of this machine is wrong".to_owned()
        }
        Problem::NotValidYet | Problem::NotValidYetContext { .. } => {
            "its certificate is not valid yet; the clock of this machine may be wrong".to_owned()
        }
        Problem::NotValidForName | Problem::NotValidForNameContext { .. } => {
            "its certificate is for another name, so something between here and the API has answered"
                .to_owned()
        }
        other => format!("its certificate cannot be trusted ({other})"),
    }
}

/// Returns the innermost cause of a failure: the only part that says something.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut inner = error.source();
    let mut text = None;
    while let Some(error) = inner {
        text = Some(error.to_string());
        inner = error.source();
    }
    text.filter(|text| !text.is_empty())
        .unwrap_or_else(|| "the connection failed".to_owned())
}

fn now_s() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|elapsed| i64::try_from(elapsed.as_secs()).ok())
        .unwrap_or_default()
}
