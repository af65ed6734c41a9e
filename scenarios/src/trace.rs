//! What a run leaves as bytes, and those bytes as one number.
//!
//! Two runs of one seed write the same trace to the byte, whatever the process, the machine or the
//! level of simulation. Digests are added up ([`Digest::add`]), so that any order and any sharding
//! of a campaign gives one number.

use std::fmt;
use std::io::{self, Write};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;
use turquoise_emulator::ledger::{
    Attempt, ClientEntry, Exchange, GatewayEntry, InstanceEntry, Ledgers, Seen,
};

use crate::observation::{Observation, Record};

/// A trace as one number; sums of digests are digests of campaigns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(pub u64);

impl Digest {
    /// The digest of a run of `seed`.
    #[must_use]
    pub fn of(seed: u64, observation: &Observation) -> Self {
        Self::of_events(seed, observation).add(Self::of_ledgers(seed, &observation.ledgers))
    }

    /// The part that everything but the ledgers is.
    pub(crate) fn of_events(seed: u64, observation: &Observation) -> Self {
        let mut hasher = Hasher::new(seed);
        events(observation, &mut hasher).expect("because a hasher takes every byte");
        Self(hasher.0)
    }

    /// The part of a run's digest that its ledgers are: a sum over entries, so that whoever reads
    /// them in stretches comes to the same number.
    pub(crate) fn of_ledgers(seed: u64, ledgers: &Ledgers) -> Self {
        let clients = ledgers.clients.iter().map(|it| entry(seed, 1, &client(it)));
        let gateway = ledgers
            .gateway
            .iter()
            .map(|it| entry(seed, 2, &gateway(it)));
        let instances = ledgers
            .instances
            .iter()
            .map(|it| entry(seed, 3, &instance(it)));
        clients
            .chain(gateway)
            .chain(instances)
            .fold(Self::default(), Self::add)
    }

    /// The part of a request that went as it should.
    pub(crate) fn of_exchange(seed: u64, exchange: &Exchange) -> Self {
        entry(seed, 1, &client(&exchange.client))
            .add(entry(seed, 2, &gateway(&exchange.gateway)))
            .add(entry(seed, 3, &instance(&exchange.instance)))
    }

    /// Both runs together, in any order.
    #[must_use]
    pub const fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads the sixteen hexadecimal digits that [`Display`](fmt::Display) writes: JSON numbers do not
/// hold 64 bits everywhere.
impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// Writes the whole trace: events and phases as JSON lines, then every ledger entry as numbers.
///
/// # Errors
/// Those of `out`.
pub fn write(observation: &Observation, out: &mut impl Write) -> io::Result<()> {
    events(observation, out)?;
    let ledgers = &observation.ledgers;
    for entry in &ledgers.clients {
        line(out, "client", &client(entry))?;
    }
    for entry in &ledgers.gateway {
        line(out, "gateway", &gateway(entry))?;
    }
    for entry in &ledgers.instances {
        line(out, "instance", &instance(entry))?;
    }
    Ok(())
}

fn events(observation: &Observation, out: &mut impl Write) -> io::Result<()> {
    for timed in &observation.events {
        json_line(out, timed)?;
    }
    for mark in &observation.phases {
        json_line(out, mark)?;
    }
    record(&observation.record, out)?;
    let end = observation
        .end
        .map(|end| json!({"exit_code": end.exit_code, "outcome": end.outcome}));
    serde_json::to_writer(&mut *out, &json!({"end": end}))?;
    out.write_all(b"\n")
}

/// Processes, stores, orders and the final state. The twin is another run with a trace of its own.
fn record(record: &Record, out: &mut impl Write) -> io::Result<()> {
    for process in &record.processes {
        json_line(out, process)?;
    }
    for line in &record.journal {
        json_line(out, line)?;
    }
    for put in &record.leases {
        json_line(out, put)?;
    }
    for order in &record.orders {
        json_line(out, order)?;
    }
    for happened in &record.happened {
        json_line(out, happened)?;
    }
    json_line(out, &record.last)
}

fn json_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

fn line(out: &mut impl Write, ledger: &str, numbers: &[u64]) -> io::Result<()> {
    write!(out, "{ledger}")?;
    for number in numbers {
        write!(out, " {number}")?;
    }
    out.write_all(b"\n")
}

fn client(entry: &ClientEntry) -> [u64; 6] {
    [
        entry.id,
        entry.due.as_nanos(),
        entry.ended.as_nanos(),
        entry.class as u64,
        entry.connection as u64,
        match entry.seen {
            Seen::Answer {
                status,
                build,
                complete,
            } => {
                let build = build.map_or(0, |build| u64::from(build) + 1);
                1 << 62 | build << 32 | u64::from(status) << 8 | u64::from(complete)
            }
            Seen::Refused => 1,
            Seen::Reset => 2,
            Seen::TimedOut => 3,
            Seen::Aborted => 4,
        },
    ]
}

fn gateway(entry: &GatewayEntry) -> [u64; 8] {
    [
        entry.id,
        u64::from(entry.instance),
        entry.generation,
        entry.member.map_or(0, |member| u64::from(member.to_bits())),
        u64::from(entry.attempt),
        entry.dispatched.as_nanos(),
        entry.ended.as_nanos(),
        match entry.outcome {
            Attempt::Served { status } => 1 << 32 | u64::from(status),
            Attempt::Retried(fault) => 2 << 32 | fault as u64,
            Attempt::Failed { fault, status } => 3 << 32 | (fault as u64) << 16 | u64::from(status),
            Attempt::Cut => 4 << 32,
            Attempt::ClientGone => 5 << 32,
        },
    ]
}

fn instance(entry: &InstanceEntry) -> [u64; 6] {
    [
        entry.id,
        u64::from(entry.address.to_bits()),
        u64::from(entry.build),
        entry.started.as_nanos(),
        entry.ended.as_nanos(),
        entry.status.map_or(0, u64::from),
    ]
}

/// One entry as a number. Its members are folded in pairs by multiplications that do not wait for
/// each other; a sum of entries need not tell more than which there were.
fn entry(seed: u64, ledger: u64, numbers: &[u64]) -> Digest {
    let mut place = seed ^ ledger.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let mut sum = 0_u64;
    for pair in numbers.chunks(2) {
        place = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let second = pair.get(1).copied().unwrap_or_default();
        // Shifted, so that making the factor odd takes nothing of it away.
        let factor = (second << 1) ^ place.rotate_left(29) | 1;
        let product = u128::from(pair[0] ^ place) * u128::from(factor);
        let [low, high] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
        let folded = u64::try_from(low ^ high).expect("because both are halves of 128 bits");
        sum = sum.wrapping_add(folded);
    }
    let mixed = (sum ^ sum >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    Digest(mixed ^ mixed >> 29)
}

/// A 64-bit mixing hash: traces are compared for equality, nobody attacks them, and a campaign
/// hashes megabytes per second.
#[derive(Debug)]
struct Hasher(u64);

impl Hasher {
    const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    fn number(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        self.0 = mixed ^ (mixed >> 29);
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Chunks as serde_json hands them over: the same for the same document.
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.number(u64::from_le_bytes(word));
        }
        self.number(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_digests_do_not_depend_on_the_order() {
        let digests = [Digest(u64::MAX), Digest(7), Digest(1 << 63)];
        let forward = digests.into_iter().fold(Digest::default(), Digest::add);
        let backward = digests
            .into_iter()
            .rev()
            .fold(Digest::default(), Digest::add);
        assert_eq!(forward, backward);
        assert_eq!(Digest(0xff).to_string(), "00000000000000ff");
        let written = serde_json::to_string(&Digest(u64::MAX)).expect("a text");
        let read: Digest = serde_json::from_str(&written).expect("just written");
        assert_eq!(read, Digest(u64::MAX));
    }

    #[test]
    fn an_entry_tells_its_members_their_order_and_its_ledger_apart() {
        let all = [
            entry(1, 1, &[1, 2, 3]),
            entry(1, 1, &[2, 1, 3]),
            entry(1, 1, &[1, 3, 2]),
            entry(1, 1, &[3, 2, 1]),
            entry(1, 1, &[1, 2, 3, 1]),
            entry(1, 2, &[1, 2, 3]),
            entry(2, 1, &[1, 2, 3]),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().map(|it| it.0).collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn the_hash_tells_order_length_and_value_apart() {
        let hash = |chunks: &[&[u8]]| {
            let mut hasher = Hasher::new(1);
            for chunk in chunks {
                hasher.write_all(chunk).expect("a hasher takes every byte");
            }
            hasher.0
        };
        let all = [
            hash(&[b"ab", b"c"]),
            hash(&[b"c", b"ab"]),
            hash(&[b"abc"]),
            hash(&[b"abc\0"]),
            hash(&[b"abd"]),
        ];
        let distinct: std::collections::BTreeSet<_> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
