//! Level L0: the orchestrator on our own executor, directly over the core.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use turquoise_emulator::Reply;
use turquoise_orchestrator::Instant;
use turquoise_orchestrator::environment::TransportError;

use super::level::{Level, SharedCloud, lost};
use crate::executor::Handle;

/// Our executor's time, and calls into the core.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) handle: Handle,
    pub(crate) cloud: SharedCloud,
}

impl Level for Core {
    fn now(&self) -> Instant {
        self.handle.now()
    }

    async fn sleep_until(&self, at: Instant) {
        self.handle.sleep_until(at).await;
    }

    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        name_the_host(&mut request);
        match self.cloud.lock().handle(cloud_time(self.now()), &request) {
            Reply::Answer(answer) => Ok(answer),
            Reply::Reset => Err(lost()),
        }
    }
}

/// The orchestrator's clock and the cloud's are one, in milliseconds and in nanoseconds.
pub(crate) const fn cloud_time(at: Instant) -> turquoise_emulator::Instant {
    turquoise_emulator::Instant::from_millis(at.0)
}

/// The cloud's absolute links name the host that was asked, as they do behind a socket.
fn name_the_host(request: &mut Request<Bytes>) {
    let Some(authority) = request.uri().authority() else {
        return;
    };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
}
