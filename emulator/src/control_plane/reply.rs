//! The edges of an exchange: who may ask, what is recorded, how the answer leaves.

use bytes::Bytes;
use http::StatusCode;
use turquoise_arm::ArmError;

use super::answer::{Answer, Common};
use super::request::Request;
use super::throttle::{Kind, Left};
use super::{ControlPlane, Turn, clock};
use crate::event::{Event, Timed};
use crate::identity::Standing;
use crate::time::Instant;

impl ControlPlane {
    pub(super) fn authorise(&mut self, turn: Turn<'_>) -> Result<(), ArmError> {
        let request = turn.request;
        if !self.config.require_authorization {
            return Ok(());
        }
        let refuse =
            |code: &str, message: &str| Err(ArmError::new(StatusCode::UNAUTHORIZED, code, message));
        match request.standing {
            Some(Standing::Admitted) => return Ok(()),
            Some(Standing::Refused { code, message, .. }) => return refuse(code, message),
            None => {}
        }
        let Some(given) = request.header("authorization") else {
            return refuse(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            );
        };
        match given.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty() => {
                if self.is_past(token, turn.now.as_millis()) {
                    return refuse(
                        "ExpiredAuthenticationToken",
                        "The access token has expired.",
                    );
                }
                Ok(())
            }
            _ => refuse("InvalidAuthenticationToken", "The access token is invalid."),
        }
    }

    /// Whether a token has ended or was revoked. A token may say when it was issued and when it ends,
    /// as `;iat=…` and `;exp=…` in milliseconds of cloud time; one that does not is always good.
    fn is_past(&mut self, token: &str, now_ms: u64) -> bool {
        let claim = |name: &str| -> Option<u64> {
            let mut claims = token.split(';').skip(1);
            claims.find_map(|claim| claim.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        };
        if claim("exp").is_some_and(|ends| now_ms >= ends) {
            return true;
        }
        let Some((until, issued)) = self.faults.revoked_until(now_ms).zip(claim("iat")) else {
            return false;
        };
        let revoked = issued <= until;
        if revoked {
            self.faults.revocation_hit(until);
        }
        revoked
    }

    pub(super) fn collect_hits(&mut self, now: Instant) {
        for (fault, name) in self.faults.drain_hits() {
            self.events.push(Timed {
                at: now,
                event: Event::FaultHit {
                    fault,
                    name: name.to_owned(),
                },
            });
        }
    }

    pub(super) fn record(
        &mut self,
        turn: Turn<'_>,
        status: u16,
        code: Option<String>,
        applied: bool,
    ) {
        self.events.push(Timed {
            at: turn.now,
            event: Event::Arm {
                method: turn.request.method.to_string(),
                target: turn.request.target.to_owned(),
                caller: turn.request.caller().to_owned(),
                status,
                code,
                applied,
            },
        });
    }

    pub(super) fn respond(&mut self, turn: Turn<'_>, answer: Answer) -> http::Response<Bytes> {
        let request_id = clock::guid(self.seed.child("requests").at(self.requests));
        self.requests += 1;
        let second = turn.now.as_millis() / 1_000;
        if self.times.0 != second {
            let compact = self.clock.compact(turn.now);
            self.times = (second, compact, self.clock.http_date(turn.now));
        }
        let request = turn.request;
        let wants_echo = request
            .header("x-ms-return-client-request-id")
            .is_some_and(|wish| wish.eq_ignore_ascii_case("true"));
        let left = self.left.take();
        let left = left.unwrap_or_else(|| Left::full(Kind::of(request.method)));
        let common = Common {
            left,
            correlation_id: request
                .header("x-ms-correlation-request-id")
                .unwrap_or(&request_id),
            echo: request
                .header("x-ms-client-request-id")
                .filter(|_| wants_echo),
            compact_time: &self.times.1,
            http_date: &self.times.2,
            request_id: request_id.clone(),
        };
        answer.into_response(request.method, &common)
    }

    /// An absolute URL at the host the client used.
    pub(super) fn plain_url(&self, request: &Request<'_>, path: &str) -> String {
        let scheme = request
            .header("x-forwarded-proto")
            .unwrap_or(&self.config.scheme);
        format!("{scheme}://{}{path}", request.host())
    }

    /// An absolute poll URL at the host the client used (client-contract.md §1.4); `path` has a
    /// query.
    pub(super) fn url(&self, request: &Request<'_>, path: &str) -> String {
        let plain = self.plain_url(request, path);
        if !self.config.long_urls {
            return plain;
        }
        // Ticks, certificate, signature and hash: the lengths of real ones, and as opaque.
        let (certificate, signature) = ("MIIHpTCCBo2g".repeat(280), "kZ3-q_8w".repeat(85));
        format!("{plain}&t=639028224000000000&c={certificate}&s={signature}&h=uJ3x")
    }
}

/// The refusal a fault asks for.
pub(super) fn injected(status: u16, code: &str, retry_after: Option<u32>) -> ArmError {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let error = ArmError::new(status, code, "This request met an injected fault.");
    match retry_after {
        Some(seconds) => error.with_retry_after(seconds),
        None => error,
    }
}
