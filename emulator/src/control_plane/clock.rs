//! Wall-clock texts of cloud instants, and identifiers that look random and are not.

use jiff::Timestamp;

use crate::seed::Seed;
use crate::time::Instant;

/// The wall clock: cloud time on top of an epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch_unix_ms: u64,
}

impl Clock {
    pub(crate) const fn new(epoch_unix_ms: u64) -> Self {
        Self { epoch_unix_ms }
    }

    /// `2026-01-01T00:00:00.123Z`, as in operation documents.
    pub(crate) fn iso(self, at: Instant) -> String {
        self.timestamp(at)
            .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
            .to_string()
    }

    /// `20260101T000000Z`, as in `x-ms-routing-request-id`.
    pub(crate) fn compact(self, at: Instant) -> String {
        self.timestamp(at).strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// `Thu, 01 Jan 2026 00:00:00 GMT`, as in the `Date` header.
    pub(crate) fn http_date(self, at: Instant) -> String {
        self.timestamp(at)
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string()
    }

    /// The instant on the wall clock.
    pub(crate) fn timestamp(self, at: Instant) -> Timestamp {
        let millis = self.epoch_unix_ms.saturating_add(at.as_millis());
        let millis = i64::try_from(millis).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }
}

/// A version-4 shaped GUID that this node of the seed tree stands for.
pub(crate) fn guid(seed: Seed) -> String {
    let high = seed.child("guid").at(0).value();
    let low = seed.child("guid").at(1).value();
    let bits = (u128::from(high) << 64) | u128::from(low);
    let text = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
    text.hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::config::EPOCH_UNIX_MS;

    #[test]
    fn instants_read_as_azure_writes_them() {
        let clock = Clock::new(EPOCH_UNIX_MS);
        let at = Instant::from_millis(3_601_250);
        assert_eq!(clock.iso(at), "2026-01-01T01:00:01.250Z");
        assert_eq!(clock.compact(at), "20260101T010001Z");
        assert_eq!(clock.http_date(at), "Thu, 01 Jan 2026 01:00:01 GMT");
    }

    #[test]
    fn guids_are_shaped_and_repeatable() {
        let of = |value| guid(Seed::new(value));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert_eq!(of(1).len(), 36);
        assert_eq!(of(1).as_bytes()[14], b'4');
    }
}
