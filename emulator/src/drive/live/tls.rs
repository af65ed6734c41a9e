//! TLS offloading: the gateway's certificates as a rustls configuration.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::desired::{Certificate, Listener};

/// HTTP/2 as a client and the gateway agree on it (RFC 9113 §3.2).
pub(crate) const HTTP_2: &[u8] = b"h2";

/// The configuration for the listeners of one address and port, in the order they are tried;
/// `None` when they speak plain HTTP.
///
/// # Errors
/// When a certificate's key cannot be used; the error names the listener.
pub(crate) fn configuration<'a>(
    listeners: impl Iterator<Item = &'a Listener>,
    http_2: bool,
) -> io::Result<Option<Arc<ServerConfig>>> {
    let mut certificates = Vec::new();
    for listener in listeners {
        if let Some(certificate) = &listener.certificate {
            let key = certified(certificate).map_err(|error| unusable(&listener.name, &error))?;
            certificates.push((listener.hosts.clone(), Arc::new(key)));
        }
    }
    if certificates.is_empty() {
        return Ok(None);
    }
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("because ring supports the default versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(BySniName { certificates }));
    config.alpn_protocols = versions(http_2).map(<[u8]>::to_vec).collect();
    Ok(Some(Arc::new(config)))
}

/// What is offered to clients that ask, the best first.
fn versions(http_2: bool) -> impl Iterator<Item = &'static [u8]> {
    let best = http_2.then_some(HTTP_2);
    best.into_iter().chain([&b"http/1.1"[..]])
}

fn certified(certificate: &Certificate) -> Result<CertifiedKey, rustls::Error> {
    let chain = certificate.chain.iter().cloned();
    let chain = chain.map(CertificateDer::from).collect();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certificate.key.clone()));
    Ok(CertifiedKey::new(
        chain,
        ring::sign::any_supported_type(&key)?,
    ))
}

fn unusable(listener: &str, error: &rustls::Error) -> io::Error {
    let reason = format!("the certificate of listener `{listener}` cannot be used: {error}");
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Chooses the certificate of the first listener that answers to the client's server name, else
/// the first of all: a client without a name gets an answer too.
struct BySniName {
    certificates: Vec<(Vec<String>, Arc<CertifiedKey>)>,
}

impl BySniName {
    fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let named = self
            .certificates
            .iter()
            .find(|(hosts, _)| hosts.is_empty() || name.is_some_and(|n| any_matches(hosts, n)));
        let (_, key) = named.or_else(|| self.certificates.first())?;
        Some(Arc::clone(key))
    }
}

impl ResolvesServerCert for BySniName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name())
    }
}

impl fmt::Debug for BySniName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.certificates.iter().map(|(hosts, _)| hosts).collect();
        f.debug_struct("BySniName")
            .field("hosts", &hosts)
            .finish_non_exhaustive()
    }
}

fn any_matches(hosts: &[String], name: &str) -> bool {
    hosts.iter().any(|host| host_matches(host, name))
}

/// `*.contoso.com` matches every name below `contoso.com`; other patterns match themselves.
fn host_matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => name.len().checked_sub(suffix.len()).is_some_and(|at| {
            at > 0 && name.as_bytes()[at..].eq_ignore_ascii_case(suffix.as_bytes())
        }),
        None => pattern.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_match_without_case_and_with_one_leading_wildcard() {
        for (pattern, name, matches) in [
            ("app.contoso.com", "APP.contoso.com", true),
            ("*.contoso.com", "a.Contoso.com", true),
            ("*.contoso.com", "contoso.com", false),
            ("*.contoso.com", ".contoso.com", false),
            ("app.contoso.com", "b.contoso.com", false),
        ] {
            assert_eq!(host_matches(pattern, name), matches, "{pattern} {name}");
        }
    }
}
