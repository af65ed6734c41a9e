//! Instants of a run put in order of time.
//!
//! Requests come all the time, so their instants are spread over the run: counted into as many bins
//! as there are, few share one. That takes a few passes where comparing takes one for each doubling,
//! and a campaign sorts without end.

use turquoise_emulator::Instant;

/// So few are compared sooner than counted.
const FEW: usize = 32;

/// Sorts instants, wherever they lie; those that are spread evenly in linear time.
pub(super) fn sort(instants: &mut Vec<Instant>) {
    if instants.len() <= FEW {
        instants.sort_unstable();
    } else if !instants.is_sorted() {
        *instants = by_counting(instants);
    }
}

fn by_counting(instants: &[Instant]) -> Vec<Instant> {
    let bins = Bins::over(instants);
    let mut next = vec![0_usize; bins.count + 1];
    for instant in instants {
        next[bins.of(*instant) + 1] += 1;
    }
    // Now `next[bin + 1]` counts a bin; summed up, `next[bin]` is where it begins.
    for bin in 1..next.len() {
        next[bin] += next[bin - 1];
    }
    let mut sorted = vec![Instant::ZERO; instants.len()];
    for instant in instants {
        let place = &mut next[bins.of(*instant)];
        sorted[*place] = *instant;
        *place += 1;
    }
    // Each bin now ends where the next one begins.
    let mut begin = 0;
    for end in next {
        if end - begin > 1 {
            sorted[begin..end].sort_unstable();
        }
        begin = end;
    }
    sorted
}

/// Bins of equal width, a power of two of nanoseconds.
struct Bins {
    first: u64,
    width_bits: u32,
    count: usize,
}

impl Bins {
    /// At least half as many bins as instants, and at most as many, where they are not all within
    /// as many nanoseconds.
    fn over(instants: &[Instant]) -> Self {
        let nanos = || instants.iter().map(|instant| instant.as_nanos());
        let first = nanos().min().unwrap_or_default();
        let span = nanos().max().unwrap_or_default() - first;
        let wanted = instants.len() as u64;
        let width_bits = (0..u64::BITS)
            .find(|bits| span >> bits < wanted)
            .expect("because nothing is left of a number shifted by all its bits but one");
        Self {
            first,
            width_bits,
            count: place(span >> width_bits) + 1,
        }
    }

    fn of(&self, instant: Instant) -> usize {
        place((instant.as_nanos() - self.first) >> self.width_bits)
    }
}

fn place(bin: u64) -> usize {
    usize::try_from(bin).expect("because there are no more bins than instants")
}

#[cfg(test)]
mod tests {
    use turquoise_emulator::Seed;

    use super::*;

    #[test]
    fn any_instants_come_out_in_order() {
        let drawn = |count: u64, bound: u64| {
            let draw = move |id| Instant::from_nanos(Seed::new(bound).at(id).below(bound));
            (0..count).map(draw).collect::<Vec<_>>()
        };
        let mut far = drawn(500, 1_000);
        far.push(Instant::from_nanos(u64::MAX));
        for mut instants in [
            Vec::new(),
            drawn(3, 100),
            drawn(33, 2),
            drawn(1_000, 1),
            drawn(1_000, 50),
            drawn(1_000, u64::MAX),
            drawn(5_000, 1_000_000_000_000),
            far,
        ] {
            let mut expected = instants.clone();
            expected.sort_unstable();
            sort(&mut instants);
            assert_eq!(instants, expected);
        }
    }
}
