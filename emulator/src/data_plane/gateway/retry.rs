//! When a gateway tries another member, and what it answers when it does not.

use crate::data_plane::knobs::Knobs;
use crate::ledger::{Fault, RequestClass};

/// What a gateway does about a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Tries another member; when there is none it answers with the status given.
    Retry {
        /// The status when no other member is eligible.
        otherwise: u16,
    },
    /// Answers for the member.
    Answer(u16),
}

/// Judges a failed attempt, `attempt` attempts having come before it (azure-facts.md §5.2).
///
/// A time-out includes one while connecting, as in nginx's `proxy_next_upstream timeout`.
/// Idempotency is not considered unless the knob says so: a write may be replayed (F48), see
/// [`may_repeat`]. An unanswered connect is a 502,
/// as for a blocked network path; only an answer that is late is a 504.
#[must_use]
pub fn retry_rule(attempt: u8, fault: Fault, knobs: &Knobs) -> Verdict {
    let (retriable, status) = match fault {
        Fault::NoHealthyMember => (false, 502),
        Fault::ConnectTimeout => (knobs.retry_on_timeout, 502),
        Fault::RequestTimeout => (knobs.retry_on_timeout, 504),
        Fault::Refused | Fault::Reset => (knobs.retry_on_connect_error, 502),
    };
    if retriable && attempt + 1 < knobs.max_tries {
        Verdict::Retry { otherwise: status }
    } else {
        Verdict::Answer(status)
    }
}

/// Whether a request may be sent to a second member at all: one that never reached the first may.
#[must_use]
pub const fn may_repeat(class: RequestClass, fault: Fault, knobs: &Knobs) -> bool {
    knobs.retry_writes
        || !class.is_unrepeatable()
        || matches!(fault, Fault::ConnectTimeout | Fault::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(attempt: u8, fault: Fault, timeouts: bool, connects: bool, expected: Verdict) {
        let knobs = Knobs {
            retry_on_timeout: timeouts,
            retry_on_connect_error: connects,
            ..Knobs::pessimistic()
        };
        assert_eq!(
            retry_rule(attempt, fault, &knobs),
            expected,
            "attempt {attempt} ended {fault:?} with knobs {timeouts} {connects}"
        );
    }

    #[test]
    fn a_write_that_reached_a_member_is_repeated_only_where_the_knob_says_so() {
        let cases = [
            (RequestClass::Short, Fault::Reset, false, true),
            (RequestClass::Write, Fault::Reset, false, false),
            (RequestClass::Write, Fault::Reset, true, true),
            (RequestClass::Upload, Fault::RequestTimeout, false, false),
            (RequestClass::Write, Fault::Refused, false, true),
        ];
        for (class, fault, retry_writes, expected) in cases {
            let knobs = Knobs {
                retry_writes,
                ..Knobs::pessimistic()
            };
            let repeats = may_repeat(class, fault, &knobs);
            assert_eq!(
                repeats, expected,
                "{class:?} after {fault:?}, {retry_writes}"
            );
        }
    }

    #[test]
    fn each_fault_is_retried_as_its_knob_says_and_never_a_third_time() {
        let retry = |otherwise| Verdict::Retry { otherwise };
        let answer = Verdict::Answer;
        check(0, Fault::RequestTimeout, true, false, retry(504));
        check(1, Fault::RequestTimeout, true, false, answer(504));
        check(0, Fault::RequestTimeout, false, true, answer(504));
        check(0, Fault::ConnectTimeout, true, false, retry(502));
        check(0, Fault::Refused, true, false, answer(502));
        check(0, Fault::Refused, true, true, retry(502));
        check(0, Fault::Reset, false, true, retry(502));
        check(1, Fault::Reset, true, true, answer(502));
        check(0, Fault::NoHealthyMember, true, true, answer(502));
    }
}
