//! Breadth first through every moment that can come, so that the first counterexample is a shortest.

use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, Hasher};

use indexmap::IndexSet;

use super::action::Action;
use super::properties::{Broken, always};
use super::rules::Rules;
use super::world::{Budget, World};
use super::{cloud, orchestrator};

/// What can come next.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) action: Action,
    pub(super) world: World,
    pub(super) broken: Option<Broken>,
}

impl Next {
    pub(super) fn new(action: Action, world: World) -> Self {
        Self {
            action,
            world,
            broken: None,
        }
    }
}

/// What an exploration came to.
#[derive(Debug)]
pub(super) struct Explored {
    pub(super) moments: usize,
    pub(super) moves: usize,
    /// Whether every moment's successors were looked at.
    pub(super) exhausted: bool,
    pub(super) counterexample: Option<Counterexample>,
}

/// A shortest way to a broken invariant.
#[derive(Debug)]
pub(super) struct Counterexample {
    pub(super) broken: Broken,
    pub(super) steps: Vec<String>,
}

impl std::fmt::Display for Counterexample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = format!("{}: {}\n", self.broken.invariant, self.broken.why);
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(text, "  {:>2}  {step}", number + 1)?;
        }
        f.write_str(&text)
    }
}

struct Graph {
    /// In the order they were found, which is breadth first.
    moments: IndexSet<World, BuildHasherDefault<Mixer>>,
    parents: Vec<u32>,
    /// Successors of moment `i`: `edges[starts[i]..starts[i + 1]]`.
    edges: Vec<u32>,
    starts: Vec<usize>,
}

/// Explores everything, up to `limit` moments, or to the first counterexample.
pub(super) fn explore(left: Budget, rules: Rules, limit: usize) -> Explored {
    let mut graph = Graph {
        moments: IndexSet::default(),
        parents: vec![0],
        edges: Vec::new(),
        starts: vec![0],
    };
    graph.moments.insert(World::new(left));
    let mut next = Vec::new();
    let mut at = 0;
    while at < graph.moments.len() && graph.moments.len() < limit {
        successors(&graph.moments[at], rules, &mut next);
        for found in next.drain(..) {
            let broken = found.broken.or_else(|| always(&found.world));
            if let Some(broken) = broken {
                return graph.failed(rules, at, found.action, broken);
            }
            graph.reached(at, found.world);
        }
        graph.starts.push(graph.edges.len());
        at += 1;
    }
    let exhausted = at == graph.moments.len();
    match graph.cannot_settle().filter(|_| exhausted) {
        Some(wedged) => graph.wedged(rules, wedged),
        None => graph.explored(exhausted, None),
    }
}

fn successors(world: &World, rules: Rules, out: &mut Vec<Next>) {
    cloud::moves(world, rules, out);
    orchestrator::moves(world, rules, out);
}

impl Graph {
    fn reached(&mut self, from: usize, world: World) {
        let (index, new) = self.moments.insert_full(world.canonical());
        if new {
            self.parents.push(number(from));
        }
        self.edges.push(number(index));
    }

    fn explored(&self, exhausted: bool, counterexample: Option<Counterexample>) -> Explored {
        Explored {
            moments: self.moments.len(),
            moves: self.edges.len(),
            exhausted,
            counterexample,
        }
    }

    /// The first moment from which no way leads to rest (L1, L2). Most edges lead to later moments,
    /// so few passes from the end are enough.
    fn cannot_settle(&self) -> Option<usize> {
        let mut can: Vec<bool> = self.moments.iter().map(World::is_settled).collect();
        loop {
            let mut changed = false;
            for at in (0..self.starts.len() - 1).rev() {
                let successors = &self.edges[self.starts[at]..self.starts[at + 1]];
                if !can[at] && successors.iter().any(|to| can[*to as usize]) {
                    can[at] = true;
                    changed = true;
                }
            }
            if !changed {
                return can.iter().position(|can| !can);
            }
        }
    }

    fn failed(&self, rules: Rules, at: usize, last: Action, broken: Broken) -> Explored {
        let mut steps = self.way_to(rules, at);
        steps.push(last.to_string());
        self.explored(false, Some(Counterexample { broken, steps }))
    }

    fn wedged(&self, rules: Rules, at: usize) -> Explored {
        let steps = self.way_to(rules, at);
        let broken = Broken {
            invariant: "L1",
            why: "no way leads to a final state any more",
        };
        self.explored(true, Some(Counterexample { broken, steps }))
    }

    /// A shortest way from the beginning to a moment.
    fn way_to(&self, rules: Rules, at: usize) -> Vec<String> {
        let mut steps = Vec::new();
        let mut child = at;
        while child != 0 {
            let parent = self.parents[child] as usize;
            steps.push(self.step_between(rules, parent, child));
            child = parent;
        }
        steps.reverse();
        steps
    }

    fn step_between(&self, rules: Rules, parent: usize, child: usize) -> String {
        let mut next = Vec::new();
        successors(&self.moments[parent], rules, &mut next);
        let step = next
            .iter()
            .find(|n| n.world.canonical() == self.moments[child]);
        let step = step.expect("a parent has its child among its successors");
        step.action.to_string()
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("an exploration has fewer than four thousand million moments")
}

/// A quick mixing of small fields: the standard hasher takes most of an exploration's time.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u8(*byte);
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value.cast_unsigned() as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}
