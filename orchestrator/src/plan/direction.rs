//! Which side is live and which one comes next.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::swap::event::Content;

/// A side as a pool member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
}

/// The two sides in their roles for one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sides {
    pub(crate) old: Member,
    pub(crate) new: Member,
}

impl Sides {
    /// The members of the pool when it holds `content`; the old side first, so that an add is one
    /// more line. Nothing for [`Content::Other`].
    pub(crate) fn members(&self, content: Content) -> Vec<Ipv4Addr> {
        match content {
            Content::Old => vec![self.old.address],
            Content::Both => vec![self.old.address, self.new.address],
            Content::New => vec![self.new.address],
            Content::Other => Vec::new(),
        }
    }
}

/// What a pool lists, in terms of the two sides. Order does not matter; duplicates do.
pub(crate) fn content(sides: &Sides, members: &[Ipv4Addr]) -> Content {
    let listed: BTreeSet<Ipv4Addr> = members.iter().copied().collect();
    let is = |content| listed == sides.members(content).into_iter().collect();
    if listed.len() != members.len() {
        return Content::Other;
    }
    let known = [Content::Old, Content::Both, Content::New];
    known.into_iter().find(|c| is(*c)).unwrap_or(Content::Other)
}

/// What a pool means for a new run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From one side to the other.
    Swap(Sides),
    /// The wanted side serves already.
    NothingToDo(String),
    /// No direction can be told.
    Refused(String),
}

/// Decides from the live members alone.
pub(crate) fn direction(config: &Config, members: &[Ipv4Addr], to: Option<&str>) -> Direction {
    let pool = &config.target.pool;
    if let Some(to) = to
        && config.side(to).is_none()
    {
        let known: Vec<&str> = config.sides.keys().map(String::as_str).collect();
        return Direction::Refused(format!(
            "there is no side `{to}`; the configuration has `{}`",
            known.join("`, `")
        ));
    }
    let [live] = members else {
        return Direction::Refused(not_one_member(pool, members));
    };
    let name = config.sides.iter().find(|(_, side)| side.address == *live);
    let Some((old, _)) = name else {
        return Direction::Refused(format!(
            "pool `{pool}` lists {live}, which is no side of this configuration; \
             correct `sides.*.address` or the pool"
        ));
    };
    if to == Some(old) {
        return Direction::NothingToDo(old.clone());
    }
    let member = |name: &str| {
        let address = config.side(name)?.address;
        let name = name.to_owned();
        Some(Member { name, address })
    };
    let pair = config.other_side(old).and_then(|new| {
        Some(Sides {
            old: member(old)?,
            new: member(new)?,
        })
    });
    pair.map_or_else(
        || Direction::Refused("the configuration does not name two sides".to_owned()),
        Direction::Swap,
    )
}

/// A mixed pool does not say which of its members is new (F76).
fn not_one_member(pool: &str, members: &[Ipv4Addr]) -> String {
    if members.is_empty() {
        return format!(
            "pool `{pool}` is empty: nothing serves; put the live side's address in it"
        );
    }
    let listed: Vec<String> = members.iter().map(Ipv4Addr::to_string).collect();
    format!(
        "pool `{pool}` lists {} and no journal says which of them is new; \
         resume the run that began this, or leave only the live side's address in the pool",
        listed.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
    const BLUE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 6);
    const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

    fn told(members: &[Ipv4Addr], to: Option<&str>) -> String {
        match direction(&Config::example(), members, to) {
            Direction::Swap(sides) => format!("{} to {}", sides.old.name, sides.new.name),
            Direction::NothingToDo(side) => format!("{side} serves"),
            Direction::Refused(why) => why,
        }
    }

    #[test]
    fn the_live_pool_alone_decides() {
        for (members, to, expected) in [
            (&[GREEN][..], None, "green to blue"),
            (&[BLUE], None, "blue to green"),
            (&[BLUE], Some("green"), "blue to green"),
            (&[BLUE], Some("blue"), "blue serves"),
            (&[BLUE], Some("red"), "there is no side `red`"),
            (&[GREEN, BLUE], None, "no journal says which of them is new"),
            (&[], None, "is empty"),
            (&[STRANGER], None, "is no side"),
        ] {
            let told = told(members, to);
            assert!(told.contains(expected), "{members:?}: {told}");
        }
    }

    #[test]
    fn content_ignores_order_and_refuses_duplicates() {
        let Direction::Swap(sides) = direction(&Config::example(), &[GREEN], None) else {
            panic!("green is live");
        };
        for (members, expected) in [
            (&[GREEN][..], Content::Old),
            (&[BLUE], Content::New),
            (&[BLUE, GREEN], Content::Both),
            (&[GREEN, BLUE], Content::Both),
            (&[GREEN, GREEN], Content::Other),
            (&[GREEN, BLUE, STRANGER], Content::Other),
            (&[], Content::Other),
        ] {
            assert_eq!(content(&sides, members), expected, "{members:?}");
        }
    }
}
