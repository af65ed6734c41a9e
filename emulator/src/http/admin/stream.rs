//! What happens, as it happens: server-sent events.
//!
//! A reader has its own place in the chronicle and is told what is new four times a second, however
//! much that is: the stream costs the same under any load. It goes on where a browser stopped
//! (`Last-Event-ID`); what was dropped meanwhile shows as a gap in the numbers.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::v1::Admin;

const BEAT: Duration = Duration::from_millis(250);
/// Beats in a second.
const BEATS: u64 = 4;

/// Everything after the entry with that number, without end.
pub(super) fn stream(admin: Admin, after: u64) -> Response {
    let reader = Reader {
        admin,
        after,
        beat: 0,
        pulse: tokio::time::interval(BEAT),
    };
    let chunks = stream::unfold(reader, |mut reader| async move {
        reader.pulse.tick().await;
        let chunk = reader.read();
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), reader))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

struct Reader {
    admin: Admin,
    after: u64,
    beat: u64,
    pulse: tokio::time::Interval,
}

impl Reader {
    fn read(&mut self) -> String {
        let mut text = String::new();
        let clock = self.admin.clock();
        let chronicle = self.admin.chronicle();
        if chronicle.last() < self.after {
            self.after = 0;
        }
        for entry in chronicle.after(self.after) {
            let _infallible = write!(
                text,
                "id: {}\nevent: entry\ndata: {}\n\n",
                entry.number,
                json!(entry)
            );
        }
        self.after = chronicle.last();
        if self.beat.is_multiple_of(BEATS) {
            let second = clock.uptime_s.saturating_sub(1);
            let traffic = chronicle.traffic().between(second, clock.uptime_s);
            let pulse = json!({"clock": clock, "traffic": traffic.first()});
            let _infallible = write!(text, "event: pulse\ndata: {pulse}\n\n");
        }
        self.beat += 1;
        if text.is_empty() {
            // A comment: the connection shows that it lives.
            text.push_str(":\n\n");
        }
        text
    }
}
