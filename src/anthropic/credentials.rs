//! The credentials of a call: a key, a token, or a profile's login (`docs/protocol.md#credentials`,
//! steps 1, 2, 3, 5).
//!
//! An edge, as it reads and writes profile files. They are read at each call and are the only place
//! where a token lives, so that a login renewed by another program is seen at once. Nothing here
//! shows a secret: values are [`Secret`], errors name files and variables only. Asking for a new
//! token over HTTP is the client's.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::error::ApiError;
use crate::config::{Environment, KnownSecrets, Secret};
use crate::host::unnumbered;

/// The beta every call with a profile's token carries.
pub const OAUTH_BETA: &str = "oauth-2025-04-20";

/// A token with less life than this is renewed before it is used, if that works.
const RENEW_AHEAD_S: i64 = 120;
/// A token with less life than this is not used.
const NEEDED_LIFE_S: i64 = 30;

/// The hint if no credentials were found.
const HOW_TO_GET_GOING: &str = "without a key, pick Kernel → Change Kernel → Claude (offline), which `claude-kernel install \
     --offline` adds; with one, set `ANTHROPIC_API_KEY` where you start Jupyter and start it again";

/// What one call is sent with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Sent as `Authorization: Bearer`; `None` when `headers` hold the authorization.
    pub token: Option<Secret>,
    /// `anthropic-workspace-id` and what `ANTHROPIC_CUSTOM_HEADERS` names, which replace headers of
    /// the same name.
    pub headers: Vec<(String, Secret)>,
    /// Whether [`OAUTH_BETA`] is sent.
    pub oauth: bool,
    /// The profile's `base_url`.
    pub base_url: Option<String>,
    /// Where they were found, such as `ANTHROPIC_API_KEY` or a profile's name: safe to show.
    pub origin: String,
    /// How to get a new token, where that is possible.
    pub renewal: Option<Renewal>,
    /// How urgently a new token is needed.
    pub freshness: Freshness,
}

/// The life left in a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Long enough, or unknown.
    Fresh,
    /// Renew it; use it if that fails.
    Ageing,
    /// Renew it or fail.
    Expired,
}

/// A refresh grant and the file its result belongs in.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The profile's own base URL for the token endpoint, if it has one.
    pub base_url: Option<String>,
    client_id: String,
    refresh_token: Secret,
    path: PathBuf,
    stored: Stored,
}

/// The credentials file as read, unknown fields included.
#[derive(Clone)]
struct Stored(Map<String, Value>);

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Credentials {
    /// Finds the credentials for one call, at `now_s` in Unix seconds.
    ///
    /// # Errors
    /// [`ApiError::NoCredentials`], saying what to do.
    pub fn find(
        explicit: Option<&Secret>,
        environment: &Environment,
        now_s: i64,
    ) -> Result<Self, ApiError> {
        let custom = custom_headers(environment);
        let mut credentials = if let Some(key) = explicit {
            Self::with_token(key.clone(), "an explicit key")?
        } else if let Some((name, value)) = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"]
            .into_iter()
            .find_map(|name| Some((name, environment.get(name)?.trim())))
            .filter(|(_, value)| !value.is_empty())
        {
            Self::with_token(Secret::new(value), &format!("`{name}`"))?
        } else if custom.iter().any(|(name, _)| is_authorization(name)) {
            Self::without_token("`ANTHROPIC_CUSTOM_HEADERS`")
        } else {
            profile(environment, now_s)?
        };
        if custom.iter().any(|(name, _)| is_authorization(name)) {
            credentials.token = None;
        }
        credentials.headers.extend(custom);
        Ok(credentials)
    }

    /// Returns everything in it that must not be seen.
    #[must_use]
    pub fn secrets(&self) -> KnownSecrets {
        let headers = self.headers.iter();
        let headers = headers.filter(|(name, _)| is_secret(name));
        let refresh = self.renewal.as_ref().map(|renewal| &renewal.refresh_token);
        KnownSecrets::new(
            headers
                .flat_map(|(_, value)| header_secrets(value))
                .chain(self.token.iter().chain(refresh).cloned()),
        )
    }

    fn with_token(token: Secret, origin: &str) -> Result<Self, ApiError> {
        if let Some(slip) = slip(token.expose()) {
            return Err(refused(format!("{origin} holds {slip}")));
        }
        // The token travels in a header: visible ASCII only.
        if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused(format!(
                "{origin} holds characters that no key has"
            )));
        }
        Ok(Self {
            token: Some(token),
            ..Self::without_token(origin)
        })
    }

    fn without_token(origin: &str) -> Self {
        Self {
            token: None,
            headers: Vec::new(),
            oauth: false,
            base_url: None,
            origin: origin.to_owned(),
            renewal: None,
            freshness: Freshness::Fresh,
        }
    }
}

impl Renewal {
    /// Returns the body of `POST /v1/oauth/token`.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        json!({
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token.expose(),
            "client_id": self.client_id,
        })
        .to_string()
        .into_bytes()
    }

    /// Returns the refresh token, to be kept out of error texts.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.refresh_token
    }

    /// Takes the endpoint's answer, writes it to the credentials file and returns the new token.
    ///
    /// # Errors
    /// [`ApiError::NoCredentials`] when the answer is no token or cannot be kept: the old refresh
    /// token may be worth nothing by now, so it is not passed over.
    pub fn store(mut self, answer: &[u8], now_s: i64) -> Result<Secret, ApiError> {
        let answer: Map<String, Value> = serde_json::from_slice(answer)
            .map_err(|_| refused("the token endpoint sent no JSON object"))?;
        let text = |name: &str| {
            answer
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let token =
            text("access_token").ok_or_else(|| refused("the token endpoint sent no token"))?;
        let life_s = answer
            .get("expires_in")
            .and_then(seconds)
            .unwrap_or(3600)
            .max(0);
        let fields = &mut self.stored.0;
        fields.insert("version".to_owned(), json!("1.0"));
        fields.insert("type".to_owned(), json!("oauth_token"));
        fields.insert("access_token".to_owned(), json!(token));
        fields.insert("expires_at".to_owned(), json!(now_s.saturating_add(life_s)));
        if let Some(refresh_token) = text("refresh_token") {
            fields.insert("refresh_token".to_owned(), json!(refresh_token));
        }
        write_private(&self.path, &self.stored.0).map_err(|error| {
            refused(format!(
                "the renewed login cannot be kept in `{}` ({error})",
                self.path.display()
            ))
        })?;
        Ok(Secret::new(token))
    }
}

/// Reads `Name: value` lines; those that say how a message is framed are left out.
fn custom_headers(environment: &Environment) -> Vec<(String, Secret)> {
    environment
        .get("ANTHROPIC_CUSTOM_HEADERS")
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .filter(|(name, _)| {
            !matches!(
                name.as_str(),
                "" | "host" | "content-length" | "transfer-encoding" | "connection"
            )
        })
        .map(|(name, value)| (name, Secret::new(value)))
        .collect()
}

fn is_authorization(name: &str) -> bool {
    matches!(name, "authorization" | "x-api-key")
}

/// Whether the value of a header is a secret, to go by its name. Values of others are words that may
/// stand anywhere.
fn is_secret(name: &str) -> bool {
    let words = [
        "auth",
        "key",
        "token",
        "secret",
        "cookie",
        "password",
        "credential",
    ];
    words.iter().any(|word| name.contains(word))
}

/// A header's value, and what stands in it behind the name of a scheme, as in `Bearer …`.
fn header_secrets(value: &Secret) -> impl Iterator<Item = Secret> {
    let inner = value
        .expose()
        .split_once(' ')
        .map(|(_, inner)| Secret::new(inner.trim()));
    std::iter::once(value.clone()).chain(inner)
}

/// Steps 3 to 5.
fn profile(environment: &Environment, now_s: i64) -> Result<Credentials, ApiError> {
    if let Some(name) = environment.get("ANTHROPIC_PROFILE") {
        let dir = config_dir(environment)
            .ok_or_else(|| refused("`ANTHROPIC_PROFILE` is set but there is no home directory"))?;
        return read_profile(environment, &dir, name, now_s);
    }
    if environment.get("ANTHROPIC_FEDERATION_RULE_ID").is_some()
        && environment.get("ANTHROPIC_ORGANIZATION_ID").is_some()
        && (environment.get("ANTHROPIC_IDENTITY_TOKEN").is_some()
            || environment.get("ANTHROPIC_IDENTITY_TOKEN_FILE").is_some())
    {
        return Err(refused(
            "`ANTHROPIC_FEDERATION_RULE_ID` asks for workload identity, which this kernel does \
             not do; set `ANTHROPIC_AUTH_TOKEN` to a token instead",
        ));
    }
    let Some(dir) = config_dir(environment) else {
        return Err(refused(HOW_TO_GET_GOING));
    };
    let pointer = std::fs::read_to_string(dir.join("active_config"))
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    let is_wanted = pointer.is_some() || environment.get("ANTHROPIC_CONFIG_DIR").is_some();
    let name = pointer.as_deref().unwrap_or("default");
    match read_profile(environment, &dir, name, now_s) {
        Err(_) if !is_wanted && !dir.join("configs/default.json").exists() => {
            Err(refused(HOW_TO_GET_GOING))
        }
        other => other,
    }
}

fn config_dir(environment: &Environment) -> Option<PathBuf> {
    environment
        .get("ANTHROPIC_CONFIG_DIR")
        .map(PathBuf::from)
        .or_else(|| {
            if cfg!(windows) {
                Some(PathBuf::from(environment.get("APPDATA")?).join("Anthropic"))
            } else {
                Some(environment.home()?.join(".config/anthropic"))
            }
        })
}

fn read_profile(
    environment: &Environment,
    dir: &Path,
    name: &str,
    now_s: i64,
) -> Result<Credentials, ApiError> {
    if name.is_empty()
        || name.trim() != name
        || name.starts_with('.')
        || name.contains(['/', '\\', '\0'])
    {
        return Err(refused(format!("`{name}` is no name of a profile")));
    }
    let config_path = dir.join("configs").join(format!("{name}.json"));
    let config = read_object(&config_path, Exposure::Writable)?;
    let text = |name: &str| non_empty(config.get(name)).map(str::to_owned);
    let nothing = Map::new();
    let authentication = config
        .get("authentication")
        .and_then(Value::as_object)
        .unwrap_or(&nothing);
    let kind = non_empty(authentication.get("type")).unwrap_or("none");
    if !matches!(kind, "user_oauth" | "oidc_federation") {
        return Err(refused(format!(
            "`{}` has an authentication of type `{kind}`, which this kernel does not know",
            config_path.display()
        )));
    }
    let path = match non_empty(authentication.get("credentials_path")) {
        Some(path) => expand_home(path, environment),
        None => dir.join("credentials").join(format!("{name}.json")),
    };
    let stored = read_object(&path, Exposure::Readable)?;
    let shown = path.display();
    let token = non_empty(stored.get("access_token"))
        .ok_or_else(|| refused(format!("`{shown}` has no `access_token`")))?;
    let mut credentials =
        Credentials::with_token(Secret::new(token), &format!("profile `{name}`"))?;
    credentials.oauth = true;
    credentials.base_url = text("base_url");
    let life_s = stored
        .get("expires_at")
        .and_then(seconds)
        .map(|at| at.saturating_sub(now_s));
    if kind == "oidc_federation" {
        // Another program exchanges the identity; what it left is good while it lasts.
        if life_s.is_some_and(|life_s| life_s <= NEEDED_LIFE_S) {
            return Err(refused(format!(
                "the token in `{shown}` has expired and this kernel does not renew workload \
                 identity; renew it, or set `ANTHROPIC_API_KEY`"
            )));
        }
        return Ok(credentials);
    }
    let workspace = text("workspace_id")
        .or_else(|| environment.get("ANTHROPIC_WORKSPACE_ID").map(str::to_owned));
    if let Some(workspace) = workspace {
        credentials
            .headers
            .push(("anthropic-workspace-id".to_owned(), Secret::new(workspace)));
    }
    // Without a client id another program keeps the file fresh.
    let Some(client_id) = non_empty(authentication.get("client_id")) else {
        return Ok(credentials);
    };
    let refresh_token = non_empty(stored.get("refresh_token"))
        .ok_or_else(|| refused(format!("`{shown}` has no `refresh_token`; log in again")))?;
    credentials.freshness = match life_s {
        Some(life_s) if life_s > RENEW_AHEAD_S => Freshness::Fresh,
        Some(life_s) if life_s > NEEDED_LIFE_S => Freshness::Ageing,
        Some(_) | None => Freshness::Expired,
    };
    credentials.renewal = Some(Renewal {
        base_url: credentials.base_url.clone(),
        client_id: client_id.to_owned(),
        refresh_token: Secret::new(refresh_token),
        path: path.clone(),
        stored: Stored(stored.clone()),
    });
    Ok(credentials)
}

/// What others must not be able to do with a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exposure {
    Readable,
    Writable,
}

fn read_object(path: &Path, forbidden: Exposure) -> Result<Map<String, Value>, ApiError> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        refused(format!("`{shown}` cannot be read ({})", unnumbered(&error)))
    };
    check_exposure(path, forbidden)?;
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    serde_json::from_str(&text).map_err(|_| refused(format!("`{shown}` is no JSON object")))
}

#[cfg(unix)]
fn check_exposure(path: &Path, forbidden: Exposure) -> Result<(), ApiError> {
    use std::os::unix::fs::MetadataExt as _;
    let shown = path.display();
    let metadata = match forbidden {
        Exposure::Readable => std::fs::symlink_metadata(path),
        Exposure::Writable => std::fs::metadata(path),
    }
    .map_err(|error| refused(format!("`{shown}` cannot be read ({})", unnumbered(&error))))?;
    if metadata.is_symlink() {
        return Err(refused(format!(
            "`{shown}` is a link; move the file itself there"
        )));
    }
    let (bits, cure) = match forbidden {
        Exposure::Readable => (0o077, "600"),
        Exposure::Writable => (0o022, "go-w"),
    };
    if metadata.mode() & bits != 0 {
        return Err(refused(format!(
            "`{shown}` is open to others; run `chmod {cure} {shown}`"
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_exposure(_path: &Path, _forbidden: Exposure) -> Result<(), ApiError> {
    Ok(())
}

/// Replaces a file in one step; only its owner can read it.
fn write_private(path: &Path, fields: &Map<String, Value>) -> std::io::Result<()> {
    let dir = path
        .parent()
        .ok_or_else(|| std::io::Error::other("it is in no directory"))?;
    // Temporary files are made with mode 0600.
    let mut file = tempfile::Builder::new()
        .prefix(".credentials-")
        .tempfile_in(dir)?;
    serde_json::to_writer_pretty(&mut file, fields)?;
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn expand_home(path: &str, environment: &Environment) -> PathBuf {
    match (path.strip_prefix("~/"), environment.home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

fn non_empty(value: Option<&Value>) -> Option<&str> {
    value
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// What was written in the place of a key, if that is plain to see. No word of it is repeated.
fn slip(token: &str) -> Option<&'static str> {
    let first = token.chars().next()?;
    let last = token.chars().next_back()?;
    let is_quote = |c: char| {
        matches!(
            c,
            '"' | '\'' | '`' | '“' | '”' | '‘' | '’' | '„' | '«' | '»'
        )
    };
    if is_quote(first) || is_quote(last) {
        Some("quotation marks: write the key without them")
    } else if first == '$' || first == '%' && last == '%' {
        Some("the name of a variable in the place of its value: write the key itself")
    } else if first == '<' || first == '{' {
        Some("a placeholder: write the key in its place")
    } else if token.starts_with("Bearer ") || token.starts_with("x-api-key") {
        Some("a header's name beside the key: write the key alone")
    } else {
        None
    }
}

/// Reads whole seconds from a number or a text.
fn seconds(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64))
        .or_else(|| value.as_str()?.trim().parse().ok())
}

fn refused(reason: impl Into<String>) -> ApiError {
    ApiError::NoCredentials {
        reason: reason.into(),
    }
}
