//! Tokens from a scripted endpoint, in virtual time.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::environment::{ProbeAnswer, ProbeRequest, TransportError};

/// Made for these tests; it opens nothing.
const CERTIFICATE: &[u8] = include_bytes!("test-certificate.pem");

/// A clock to turn, answers to give, requests to look at.
#[derive(Default)]
struct Script {
    now: Cell<u64>,
    answers: RefCell<VecDeque<(u16, Value)>>,
    asked: RefCell<Vec<http::Request<Bytes>>>,
}

impl Environment for Rc<Script> {
    fn now(&self) -> Instant {
        Instant(self.now.get())
    }

    fn unix_millis(&self) -> u64 {
        1_772_625_600_000 + self.now.get()
    }

    async fn sleep_until(&self, at: Instant) {
        self.now.set(at.0);
    }

    async fn arm(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        self.asked.borrow_mut().push(request);
        let Some((status, body)) = self.answers.borrow_mut().pop_front() else {
            return Err(TransportError::Unreachable {
                endpoint: "http://nowhere".to_owned(),
                reason: "no route".to_owned(),
            });
        };
        let answer = http::Response::builder().status(status);
        let answer = answer.body(Bytes::from(body.to_string()));
        Ok(answer.expect("a status and a body make an answer"))
    }

    async fn probe(&self, _request: ProbeRequest) -> Result<ProbeAnswer, TransportError> {
        unreachable!("no token needs a probe")
    }

    fn random(&self, _stream: &str) -> u64 {
        7
    }
}

fn secret() -> Identity {
    Identity::Secret {
        client_id: "app".to_owned(),
        secret: "p&ss word".to_owned(),
    }
}

fn managed() -> Identity {
    Identity::Managed {
        host: "http://169.254.169.254".to_owned(),
        client_id: None,
    }
}

fn cli(prints: &'static str) -> Identity {
    Identity::Cli(Rc::new(move || {
        let printed = prints.as_bytes().to_vec();
        std::future::ready(Ok(printed)).boxed_local()
    }))
}

fn credential(identities: Vec<Identity>) -> (Rc<Script>, Credential<Rc<Script>>) {
    let script = Rc::new(Script::default());
    let authority = Authority {
        login: "https://login.microsoftonline.com/".to_owned(),
        tenant: "contoso".to_owned(),
        resource: "https://management.azure.com".to_owned(),
    };
    let credential = Credential::new(Rc::clone(&script), authority, identities);
    (script, credential)
}

fn answer(script: &Script, token: &str, seconds: u64) {
    let body = json!({"token_type": "Bearer", "access_token": token, "expires_in": seconds});
    script.answers.borrow_mut().push_back((200, body));
}

fn token(credential: &Credential<Rc<Script>>) -> Result<String, TokenError> {
    let token = TokenSource::token(credential).now_or_never();
    token.expect("a script answers at once")
}

fn form(script: &Script) -> String {
    let asked = script.asked.borrow();
    let body = asked.last().expect("something was asked").body().clone();
    String::from_utf8(body.to_vec()).expect("a form is text")
}

#[test]
fn a_secret_is_sent_as_azure_expects_it() {
    let (script, credential) = credential(vec![secret()]);
    answer(&script, "t", 3_600);
    assert_eq!(token(&credential), Ok("t".to_owned()));
    let asked = script.asked.borrow();
    assert_eq!(
        asked[0].uri(),
        "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"
    );
    drop(asked);
    assert_eq!(
        form(&script),
        "grant_type=client_credentials&client_id=app\
         &scope=https%3A%2F%2Fmanagement.azure.com%2F.default&client_secret=p%26ss%20word"
    );
}

#[test]
fn a_token_is_renewed_at_half_of_its_life_and_not_a_moment_before() {
    let (script, credential) = credential(vec![secret()]);
    answer(&script, "first", 3_600);
    answer(&script, "second", 3_600);
    for (at, expected) in [
        (0, "first"),
        (1_799_999, "first"),
        (1_800_000, "second"),
        (3_599_999, "second"),
    ] {
        script.now.set(at);
        assert_eq!(token(&credential).as_deref(), Ok(expected), "{at}");
    }
    assert_eq!(script.asked.borrow().len(), 2);
}

#[test]
fn a_token_endpoint_that_is_away_stops_nobody_while_the_token_lives() {
    let (script, credential) = credential(vec![secret()]);
    answer(&script, "first", 3_600);
    assert!(token(&credential).is_ok());
    script.now.set(3_599_999);
    assert_eq!(token(&credential).as_deref(), Ok("first"));
    script.now.set(3_600_000);
    let error = token(&credential).expect_err("it has ended");
    assert!(error.to_string().contains("client secret"), "{error}");
}

#[test]
fn a_token_that_azure_refused_is_not_given_out_again() {
    let (script, credential) = credential(vec![secret()]);
    answer(&script, "first", 3_600);
    answer(&script, "second", 3_600);
    assert_eq!(token(&credential).as_deref(), Ok("first"));
    TokenSource::refused(&credential);
    assert_eq!(token(&credential).as_deref(), Ok("second"));
}

#[test]
fn two_requests_at_once_are_one_token() {
    let (script, credential) = credential(vec![secret()]);
    answer(&script, "t", 3_600);
    let both = futures_util::future::join(credential.valid(), credential.valid());
    let both = both.now_or_never().expect("a script answers at once");
    assert_eq!(both, (Ok("t".to_owned()), Ok("t".to_owned())));
    assert_eq!(script.asked.borrow().len(), 1);
}

#[test]
fn what_was_only_tried_may_fail_and_what_was_configured_may_not() {
    let printed = r#"{"accessToken": "from az", "expires_on": 1772629200}"#;
    let (script, chain) = credential(vec![managed(), cli(printed)]);
    assert_eq!(token(&chain).as_deref(), Ok("from az"));
    assert_eq!(chain.chosen(), Some("az CLI"));
    assert_eq!(
        script.asked.borrow()[0].uri(),
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01\
         &resource=https%3A%2F%2Fmanagement.azure.com%2F"
    );

    let (script, chain) = credential(vec![secret(), cli(printed)]);
    let body =
        json!({"error": "invalid_client", "error_description": "AADSTS7000215: no.\r\nTrace"});
    script.answers.borrow_mut().push_back((401, body));
    let error = token(&chain).expect_err("the secret is wrong").to_string();
    assert!(
        error.contains("AADSTS7000215") && !error.contains("Trace"),
        "{error}"
    );
    assert!(!error.contains("p&ss"), "{error}");
}

#[test]
fn a_certificate_signs_what_its_public_key_verifies() {
    let certificate = Certificate::from_pem(CERTIFICATE).expect("it is whole");
    let identity = Identity::Certificate {
        client_id: "app".to_owned(),
        certificate: Box::new(certificate),
    };
    let (script, credential) = credential(vec![identity]);
    answer(&script, "t", 3_600);
    assert!(token(&credential).is_ok());
    let form = form(&script);
    let assertion = form.rsplit_once("client_assertion=").expect("it is last").1;
    let (text, signature) = assertion.rsplit_once('.').expect("three parts");
    let claims = text.split_once('.').expect("two parts").1;
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["iss"], "app");
    assert_eq!(
        claims["aud"],
        "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"
    );
    assert_eq!(claims["exp"].as_u64(), Some(1_772_625_600 + 600));
    let der: rustls::pki_types::PrivateKeyDer<'_> =
        rustls::pki_types::pem::PemObject::from_pem_slice(CERTIFICATE).expect("it has a key");
    let pair = ring::signature::RsaKeyPair::from_pkcs8(der.secret_der()).expect("an RSA key");
    let public = ring::signature::UnparsedPublicKey::new(
        &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        pair.public(),
    );
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    assert!(public.verify(text.as_bytes(), &signature).is_ok());
}

#[test]
fn a_workload_token_is_read_anew_and_a_missing_file_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("token");
    let identity = Identity::Workload {
        client_id: "app".to_owned(),
        file: file.clone(),
    };
    let (script, credential) = credential(vec![identity]);
    let error = token(&credential).expect_err("there is no file");
    assert!(error.to_string().contains("token`"), "{error}");
    std::fs::write(&file, "federated\n").expect("the folder is ours");
    answer(&script, "t", 3_600);
    assert!(token(&credential).is_ok());
    assert!(form(&script).ends_with("client_assertion=federated"));
}

#[test]
fn a_file_without_a_key_says_what_it_needs() {
    let error = Certificate::from_pem(b"nothing").expect_err("it is no PEM");
    assert!(error.to_string().contains("private key"), "{error}");
}
