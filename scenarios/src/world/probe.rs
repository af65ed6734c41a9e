//! A probe of the orchestrator's, through the simulated gateway.

use bytes::Bytes;
use turquoise_emulator::{Cloud, data_plane::Through};
use turquoise_orchestrator::Instant;
use turquoise_orchestrator::environment::{ProbeAnswer, ProbeRequest, TransportError};

use super::core::cloud_time;
use super::system::BUILD_HEADER;

/// How a probe ended, and when.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// In whole milliseconds, rounded up.
    pub(super) ended: Instant,
    pub(super) answer: Result<ProbeAnswer, TransportError>,
}

/// Asks the application through a frontend, at `now`, on a new connection.
pub(super) fn ask(cloud: &mut Cloud, now: Instant, request: &ProbeRequest) -> Outcome {
    cloud.advance_to(cloud_time(now));
    let frontend = (request.address, request.port);
    let through = cloud.data_plane_mut().probe_through(
        cloud_time(now),
        frontend,
        &request.host,
        &request.path,
    );
    if through.took > request.timeout {
        return Outcome {
            ended: now + request.timeout,
            answer: Err(TransportError::Lost {
                reason: "no answer in time".to_owned(),
            }),
        };
    }
    let ended = (cloud_time(now) + through.took).ceil_millis();
    Outcome {
        ended: Instant(ended.as_millis()),
        answer: answer(cloud, &through, request),
    }
}

fn answer(
    cloud: &Cloud,
    through: &Through,
    request: &ProbeRequest,
) -> Result<ProbeAnswer, TransportError> {
    let Some(answered) = through.answer else {
        return Err(TransportError::Unreachable {
            endpoint: format!("{}:{}", request.address, request.port),
            reason: "the connection was refused".to_owned(),
        });
    };
    let build = answered.build;
    let build = build.and_then(|build| cloud.data_plane().builds().name(build));
    let header = |name: &str| (BUILD_HEADER.to_owned(), name.to_owned());
    Ok(ProbeAnswer {
        status: answered.status,
        headers: build.map(header).into_iter().collect(),
        body: Bytes::new(),
    })
}
