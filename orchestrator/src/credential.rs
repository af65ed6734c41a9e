//! Tokens of real identities: service principals, workload and managed identities, the az CLI.
//!
//! Our own small client of the token endpoint, because `azure_identity` (0.32) signs certificate
//! assertions with OpenSSL only, which this house does without, and brings a second HTTP stack whose
//! futures cannot run in virtual time. Requests go through the [`Environment`], so the tests need no
//! socket. A token is renewed at half of its life, so that a run never meets its end in the middle of
//! a write, and at once when Azure answers 401 (F71). Secrets are in no error, log or `Debug`.

mod assertion;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture, select};
use futures_util::pin_mut;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::access::{TokenError, TokenSource};
use crate::environment::{Environment, Instant};

pub use assertion::{Certificate, CertificateError};

/// A machine's metadata answers within its own host; elsewhere nothing ever does.
const METADATA_PATIENCE: Duration = Duration::from_secs(5);

/// Runs a program that prints a token document, such as `az account get-access-token`.
pub type TokenCommand = Rc<dyn Fn() -> LocalBoxFuture<'static, Result<Vec<u8>, String>>>;

/// One kind of identity.
pub enum Identity {
    /// A service principal with a secret.
    Secret {
        /// The application's id.
        client_id: String,
        /// Its secret.
        secret: String,
    },
    /// A service principal with a certificate.
    Certificate {
        /// The application's id.
        client_id: String,
        /// Its certificate and key.
        certificate: Box<Certificate>,
    },
    /// A federated identity whose token a platform writes into a file and replaces (Kubernetes,
    /// pipelines); the file is read anew for every token.
    Workload {
        /// The application's id.
        client_id: String,
        /// The file.
        file: PathBuf,
    },
    /// The identity of the machine that this runs on.
    Managed {
        /// Where the machine's metadata answers, such as `http://169.254.169.254`.
        host: String,
        /// Which of its identities; the system's own without it.
        client_id: Option<String>,
    },
    /// Whoever is signed in to the az CLI.
    Cli(TokenCommand),
}

impl Identity {
    /// What it is called in texts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Secret { .. } => "client secret",
            Self::Certificate { .. } => "client certificate",
            Self::Workload { .. } => "workload identity",
            Self::Managed { .. } => "managed identity",
            Self::Cli(_) => "az CLI",
        }
    }

    /// Whether the chain goes on when it gives none: nobody configured it, it was only tried.
    const fn is_tried(&self) -> bool {
        matches!(self, Self::Managed { .. } | Self::Cli(_))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whom to ask for which tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Where tokens come from, such as `https://login.microsoftonline.com`.
    pub login: String,
    /// The directory.
    pub tenant: String,
    /// What tokens are for, such as `https://management.azure.com`.
    pub resource: String,
}

/// Keeps a token of the first identity that gives one.
#[derive(Debug)]
pub struct Credential<E> {
    environment: E,
    authority: Authority,
    identities: Vec<Identity>,
    chosen: Cell<Option<usize>>,
    kept: RefCell<Option<Kept>>,
    /// Two requests at once are one token.
    asking: Mutex<()>,
}

struct Kept {
    token: String,
    renew_at: Instant,
    ends_at: Instant,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("renew_at", &self.renew_at)
            .finish_non_exhaustive()
    }
}

impl<E: Environment> Credential<E> {
    /// A chain of identities, tried in order; the first that gives a token stays.
    #[must_use]
    pub fn new(environment: E, authority: Authority, identities: Vec<Identity>) -> Self {
        Self {
            environment,
            authority,
            identities,
            chosen: Cell::new(None),
            kept: RefCell::new(None),
            asking: Mutex::new(()),
        }
    }

    /// The identity that gave the last token.
    #[must_use]
    pub fn chosen(&self) -> Option<&'static str> {
        self.chosen.get().map(|index| self.identities[index].name())
    }

    async fn valid(&self) -> Result<String, TokenError> {
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let _asking = self.asking.lock().await;
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        match self.renewed().await {
            Ok(kept) => {
                let token = kept.token.clone();
                *self.kept.borrow_mut() = Some(kept);
                Ok(token)
            }
            // Half of its life is left: a token endpoint that is away for a while stops nobody.
            Err(error) => self.not_ended().ok_or(error),
        }
    }

    fn fresh(&self) -> Option<String> {
        let now = self.environment.now();
        let kept = self.kept.borrow();
        let fresh = kept.as_ref().filter(|kept| now < kept.renew_at);
        fresh.map(|kept| kept.token.clone())
    }

    fn not_ended(&self) -> Option<String> {
        let now = self.environment.now();
        let kept = self.kept.borrow();
        let valid = kept.as_ref().filter(|kept| now < kept.ends_at);
        valid.map(|kept| kept.token.clone())
    }

    async fn renewed(&self) -> Result<Kept, TokenError> {
        if let Some(index) = self.chosen.get() {
            let asked = self.ask(&self.identities[index]).await;
            return asked.map_err(|why| refused(&self.identities[index], &why));
        }
        let mut tried = Vec::new();
        for (index, identity) in self.identities.iter().enumerate() {
            match self.ask(identity).await {
                Ok(kept) => {
                    tracing::info!(identity = identity.name(), "got a token");
                    self.chosen.set(Some(index));
                    return Ok(kept);
                }
                Err(why) if identity.is_tried() => {
                    tried.push(format!("{}: {why}", identity.name()));
                }
                Err(why) => return Err(refused(identity, &why)),
            }
        }
        let reason = match tried.is_empty() {
            true => "no identity is configured".to_owned(),
            false => tried.join("; "),
        };
        Err(TokenError { reason })
    }

    async fn ask(&self, identity: &Identity) -> Result<Kept, String> {
        let asked_at = self.environment.now();
        let document = match identity {
            Identity::Secret { client_id, secret } => {
                let proof = [("client_secret", secret.as_str())];
                self.login(client_id, &proof).await?
            }
            Identity::Certificate {
                client_id,
                certificate,
            } => {
                let (now, id) = (
                    self.environment.unix_millis(),
                    self.environment.random("jti"),
                );
                let signed = certificate.assertion(client_id, &self.token_url(), now, id)?;
                self.login(client_id, &assertion_proof(&signed)).await?
            }
            Identity::Workload { client_id, file } => {
                let token = std::fs::read_to_string(file)
                    .map_err(|error| format!("`{}` cannot be read: {error}", file.display()))?;
                self.login(client_id, &assertion_proof(token.trim()))
                    .await?
            }
            Identity::Managed { host, client_id } => {
                self.machine(host, client_id.as_deref()).await?
            }
            Identity::Cli(command) => {
                let printed = command().await?;
                serde_json::from_slice(&printed)
                    .map_err(|error| format!("it printed no JSON: {error}"))?
            }
        };
        self.keep(asked_at, &document)
    }

    fn token_url(&self) -> String {
        let login = self.authority.login.trim_end_matches('/');
        format!("{login}/{}/oauth2/v2.0/token", self.authority.tenant)
    }

    /// The client credentials grant (RFC 6749 §4.4; azure-facts.md §7.2).
    async fn login(&self, client_id: &str, proof: &[(&str, &str)]) -> Result<Value, String> {
        let scope = format!("{}/.default", self.authority.resource.trim_end_matches('/'));
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("scope", scope.as_str()),
        ];
        form.extend_from_slice(proof);
        let request = http::Request::post(self.token_url())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(Bytes::from(encoded(&form)));
        self.answered(request).await
    }

    /// The machine's own identity (azure-facts.md §7.3).
    async fn machine(&self, host: &str, client_id: Option<&str>) -> Result<Value, String> {
        let resource = format!("{}/", self.authority.resource.trim_end_matches('/'));
        let mut query = vec![
            ("api-version", "2018-02-01"),
            ("resource", resource.as_str()),
        ];
        query.extend(client_id.map(|id| ("client_id", id)));
        let host = host.trim_end_matches('/');
        let url = format!("{host}/metadata/identity/oauth2/token?{}", encoded(&query));
        let request = http::Request::get(url)
            .header("metadata", "true")
            .body(Bytes::new());
        let at = self.environment.now() + METADATA_PATIENCE;
        let (answer, late) = (self.answered(request), self.environment.sleep_until(at));
        pin_mut!(answer, late);
        match select(answer, late).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(format!(
                "`{host}` does not answer: this is no machine of Azure"
            )),
        }
    }

    async fn answered(
        &self,
        request: Result<http::Request<Bytes>, http::Error>,
    ) -> Result<Value, String> {
        let request = request.map_err(|error| error.to_string())?;
        let answer = self.environment.arm(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if answer.status().is_success() {
            return Ok(body);
        }
        let code = body["error"].as_str().unwrap_or("no error code");
        let text = body["error_description"].as_str().unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        Err(format!("{} {code} {first}", answer.status().as_u16()))
    }

    fn keep(&self, asked_at: Instant, document: &Value) -> Result<Kept, String> {
        let token = ["access_token", "accessToken"]
            .iter()
            .find_map(|name| document[*name].as_str())
            .ok_or("the answer has no token")?;
        let life = self.life(document).ok_or("the answer has no end of life")?;
        Ok(Kept {
            token: token.to_owned(),
            renew_at: asked_at + life / 2,
            ends_at: asked_at + life,
        })
    }

    /// How long a token lives: `expires_in` in seconds, or `expires_on` as Unix time; numbers or text.
    fn life(&self, document: &Value) -> Option<Duration> {
        let number = |name: &str| {
            let value = &document[name];
            value.as_u64().or_else(|| value.as_str()?.parse().ok())
        };
        let seconds = number("expires_in").or_else(|| {
            let now = self.environment.unix_millis() / 1_000;
            Some(number("expires_on")?.saturating_sub(now))
        });
        seconds.map(Duration::from_secs)
    }
}

fn refused(identity: &Identity, why: &str) -> TokenError {
    TokenError {
        reason: format!("{}: {why}", identity.name()),
    }
}

fn assertion_proof(signed: &str) -> [(&str, &str); 2] {
    const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    [
        ("client_assertion_type", KIND),
        ("client_assertion", signed),
    ]
}

/// `application/x-www-form-urlencoded`; everything but unreserved characters is escaped.
fn encoded(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let byte = |byte: u8| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let pairs = pairs.iter();
    let pairs = pairs.map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

impl<E: Environment + 'static> TokenSource for Credential<E> {
    fn token(&self) -> LocalBoxFuture<'_, Result<String, TokenError>> {
        self.valid().boxed_local()
    }

    fn refused(&self) {
        self.kept.borrow_mut().take();
    }
}

#[cfg(test)]
mod tests;
